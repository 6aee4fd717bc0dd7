"""One row of text as a product, as far as the wire can carry it.

Whether it is a good product (length of the name, known currency, price not negative) is
for the server to say: its rules are not repeated here.
"""

import re
from collections.abc import Mapping

from google.type import money_pb2

from bodega.product.v1 import product_pb2
from workers.sources.fields import REQUIRED
from workers.sources.record import BadRow, Record

_PRICE = re.compile(r"(-?)([0-9]{1,18})(?:\.([0-9]+))?", re.ASCII)
_STATUSES = {
    name: status
    for status, names in (
        (product_pb2.PRODUCT_STATUS_IN_STOCK, ("in_stock", "instock", "available")),
        (product_pb2.PRODUCT_STATUS_LOW, ("low", "low_stock", "limited")),
        (product_pb2.PRODUCT_STATUS_OUT_OF_STOCK, ("out_of_stock", "outofstock", "sold_out")),
    )
    for name in (*names, product_pb2.ProductStatus.Name(status).casefold())
}


class RowError(Exception):
    """A field that the wire cannot carry, and the rule it breaks."""

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.field = field
        self.rule = rule


class ProductReader:
    """Makes products of records; `defaults` stand in for values that a row does not have."""

    def __init__(self, defaults: Mapping[str, str]) -> None:
        self._defaults = dict(defaults)

    def read(self, record: Record) -> product_pb2.Product | BadRow:
        """Return the product, or the first field that is wrong."""
        values = {**self._defaults, **record.values}
        try:
            return _product(values)
        except RowError as error:
            sku = values.get("sku", "").encode(errors="replace").decode()
            return BadRow(record.line, error.field, error.rule, sku)


def _product(values: Mapping[str, str]) -> product_pb2.Product:
    try:
        product = product_pb2.Product(
            sku=values["sku"].strip(),
            name=values["name"].strip(),
            description=values.get("description", ""),
            price=money(values["price"], values["currency"]),
            status=_status(values["status"]),
        )
    except KeyError as error:
        raise RowError(str(error.args[0]), "is missing") from error
    except UnicodeEncodeError as error:
        raise RowError("line", "holds half of a surrogate pair, which is no character") from error
    for field in REQUIRED[:2]:
        if not getattr(product, field):
            raise RowError(field, "is missing")
    return product


def money(price: str, currency: str) -> money_pb2.Money:
    """Return the exact amount; no float is involved."""
    match = _PRICE.fullmatch(price.strip())
    if match is None:
        raise RowError("price", "must be a decimal number such as 1250 or 12.50")
    sign, units, fraction = match.groups()
    nanos = (fraction or "").rstrip("0")
    if len(nanos) > 9:
        raise RowError("price", "has more than 9 decimals")
    factor = -1 if sign else 1
    return money_pb2.Money(
        currency_code=currency.strip().upper(),
        units=factor * int(units),
        nanos=factor * int(nanos.ljust(9, "0")),
    )


def _status(text: str) -> product_pb2.ProductStatus.ValueType:
    name = text.strip().casefold().replace(" ", "_").replace("-", "_")
    status = _STATUSES.get(name)
    if status is None:
        raise RowError("status", "must be in_stock, low or out_of_stock")
    return status
