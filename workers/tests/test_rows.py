from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodega.product.v1 import product_pb2
from workers.rows import ProductReader, RowError, money
from workers.sources.record import BadRow, Record

LAMP = {"sku": "A1", "name": "Lamp", "price": "12.50", "currency": "EUR", "status": "low"}


def read(
    changes: dict[str, str | None], defaults: dict[str, str] | None = None
) -> product_pb2.Product | BadRow:
    values = {key: value for key, value in (LAMP | changes).items() if value is not None}
    return ProductReader(defaults or {}).read(Record(7, values))


def test_a_record_becomes_a_product() -> None:
    product = read({"description": "Bright.\n", "name": " Lamp ", "currency": "eur"})
    assert product == product_pb2.Product(
        sku="A1",
        name="Lamp",
        description="Bright.\n",
        price=money("12.50", "EUR"),
        status=product_pb2.PRODUCT_STATUS_LOW,
    )


@pytest.mark.parametrize(
    ("text", "units", "nanos"),
    [
        ("0", 0, 0),
        ("12", 12, 0),
        ("12.5", 12, 500_000_000),
        ("12.345", 12, 345_000_000),
        ("0.000000001", 0, 1),
        ("1.100000000000", 1, 100_000_000),
        ("-1", -1, 0),
        ("-0.25", 0, -250_000_000),
        (" 999999999999999999.99 ", 999_999_999_999_999_999, 990_000_000),
    ],
)
def test_a_price_is_exact(text: str, units: int, nanos: int) -> None:
    price = money(text, "USD")
    assert (price.units, price.nanos) == (units, nanos)


@given(st.decimals(-(10**12), 10**12, places=9))
def test_any_price_of_nine_decimals_is_exact(price: Decimal) -> None:
    made = money(f"{price:f}", "USD")
    assert Decimal(made.units) + Decimal(made.nanos).scaleb(-9) == price


@pytest.mark.parametrize(
    "text", ["1e3", "1,50", "1.234,50", "$1", "1.", ".5", "+1", "NaN", "1 000", "٣", "", "1" * 19]
)
def test_a_price_that_is_no_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(RowError, match="price: must be a decimal number"):
        money(text, "USD")


def test_a_price_finer_than_the_wire_can_carry_is_refused() -> None:
    with pytest.raises(RowError, match="price: has more than 9 decimals"):
        money("1.0000000001", "USD")


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("in_stock", product_pb2.PRODUCT_STATUS_IN_STOCK),
        ("In Stock", product_pb2.PRODUCT_STATUS_IN_STOCK),
        ("PRODUCT_STATUS_OUT_OF_STOCK", product_pb2.PRODUCT_STATUS_OUT_OF_STOCK),
        ("sold-out", product_pb2.PRODUCT_STATUS_OUT_OF_STOCK),
        (" low ", product_pb2.PRODUCT_STATUS_LOW),
    ],
)
def test_a_status_is_known_by_its_usual_names(text: str, status: int) -> None:
    product = read({"status": text})
    assert isinstance(product, product_pb2.Product)
    assert product.status == status


@pytest.mark.parametrize(
    ("changes", "field", "rule"),
    [
        ({"sku": None}, "sku", "is missing"),
        ({"sku": "  "}, "sku", "is missing"),
        ({"name": None}, "name", "is missing"),
        ({"price": None}, "price", "is missing"),
        ({"currency": None}, "currency", "is missing"),
        ({"status": None}, "status", "is missing"),
        ({"status": "maybe"}, "status", "must be in_stock, low or out_of_stock"),
        ({"status": "product_status_unspecified"}, "status", "must be in_stock, low or"),
        ({"name": "half \ud83d"}, "line", "no character"),
        ({"sku": "\ud83d"}, "line", "no character"),
    ],
)
def test_a_bad_row_names_its_line_field_and_rule(
    changes: dict[str, str | None], field: str, rule: str
) -> None:
    bad = read(changes)
    assert isinstance(bad, BadRow)
    assert (bad.line, bad.field) == (7, field)
    assert rule in bad.rule


def test_a_default_stands_in_for_a_missing_value_and_never_for_a_given_one() -> None:
    defaults = {"currency": "SEK", "status": "in_stock"}
    product = read({"currency": None}, defaults)
    assert isinstance(product, product_pb2.Product)
    assert product.price.currency_code == "SEK"
    assert product.status == product_pb2.PRODUCT_STATUS_LOW
