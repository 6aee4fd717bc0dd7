"""Responses that are ready bytes, on both engines; and the bytes of their fields."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import override

import pytest
from google.protobuf.descriptor_pb2 import FileOptions, UninterpretedOption
from google.protobuf.struct_pb2 import ListValue, Value
from google.protobuf.wrappers_pb2 import StringValue

from runtime.call import Context
from runtime.encoded import encoded, message_field, message_fields
from runtime.testing.echo import KINDS, Echo, echo_service
from runtime.testing.rpc import ServeEcho

LENGTHS = [0, 1, 100, 127, 128, 300, 16_383, 16_384, 70_000]


@pytest.mark.parametrize("length", LENGTHS)
def test_a_field_is_encoded_as_protobuf_does(length: int) -> None:
    value = Value(string_value="x" * length)
    option = UninterpretedOption(identifier_value="x" * length)
    in_list = ListValue(values=[value]).SerializeToString()
    in_options = FileOptions(uninterpreted_option=[option]).SerializeToString()
    assert message_field(1, value.SerializeToString()) == in_list
    assert message_field(999, option.SerializeToString()) == in_options


def test_a_repeated_field_is_encoded_as_protobuf_does() -> None:
    values = [Value(string_value="x" * length) for length in LENGTHS]
    fields = message_fields(1, [each.SerializeToString() for each in values])
    assert fields == ListValue(values=values).SerializeToString()
    assert message_fields(1, []) == b""


class EncodedEcho(Echo):
    """Answers with bytes of its own."""

    @override
    async def say(self, request: StringValue, _context: Context) -> StringValue:
        return again(request)

    @override
    async def count(self, request: StringValue, _context: Context) -> AsyncGenerator[StringValue]:
        yield again(request)
        yield request

    @override
    async def collect(self, requests: AsyncIterator[StringValue], _context: Context) -> StringValue:
        return again(*[each async for each in requests])

    @override
    async def chat(
        self, requests: AsyncIterator[StringValue], _context: Context
    ) -> AsyncGenerator[StringValue]:
        async for request in requests:
            yield again(request)


def again(*requests: StringValue) -> StringValue:
    return encoded(StringValue, b"".join(each.SerializeToString() for each in requests))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_handler_may_answer_with_bytes(serve_echo: ServeEcho, kind: str) -> None:
    stub = await serve_echo(EncodedEcho(echo_service()))
    expected = ["text", "text"] if kind == "Count" else ["text"]
    assert await stub.call(kind, "text") == expected
