"""What programs read (`--json`): messages as plain values.

Fields are named as in the proto; a message that is not there is left out. Amounts of money are
`{"currency": "EUR", "amount": "12.50"}`, times are RFC 3339 in UTC, the values of an enum lose its
name and are in lower case (`in_stock`), 64-bit numbers are numbers.
"""

import re
from typing import Any

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.status_pb2 import Status
from google.type.money_pb2 import Money

from tools.bodega.amounts import amount
from tools.bodega.failure import of_status


def to_data(message: Message) -> dict[str, Any]:
    """Return a message as JSON has it."""
    return {
        field.name: _value(field, getattr(message, field.name))
        for field in message.DESCRIPTOR.fields
        if not field.has_presence or message.HasField(field.name)
    }


def enum_word(enum: EnumDescriptor, number: int) -> str:
    """Return an enum's value without the enum's name: `in_stock`."""
    value = enum.values_by_number.get(number)
    return str(number) if value is None else value.name.removeprefix(_prefix(enum)).lower()


def enum_words(enum: EnumDescriptor) -> dict[str, Any]:
    """Return all of an enum's values but zero by such words."""
    return {enum_word(enum, value.number): value.number for value in enum.values if value.number}


def _prefix(enum: EnumDescriptor) -> str:
    """Return what buf's rules put before each value: PRODUCT_STATUS_ for ProductStatus."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", enum.name).upper() + "_"


def _value(field: Any, value: Any) -> Any:
    if field.is_repeated:
        return [_single(field, each) for each in value]
    return _single(field, value)


def _single(field: Any, value: Any) -> Any:
    match value:
        case Money():
            return {"currency": value.currency_code, "amount": amount(value)}
        case Timestamp():
            return value.ToJsonString()
        case Status():
            failure = of_status(value)
            return {"error": failure.reason, "message": failure.message}
        case Message():
            return to_data(value)
        case _ if field.enum_type is not None:
            return enum_word(field.enum_type, value)
        case _:
            return value
