import argparse

import pytest
from google.type.money_pb2 import Money
from hypothesis import given
from hypothesis import strategies as st

from runtime.currencies import EXPONENTS
from runtime.money import MAX_MINOR
from runtime.money import Money as Amount
from runtime.money_proto import to_proto
from tools.bodega.amounts import amount, money_text, parse_money, parse_percent, percent_text


@pytest.mark.parametrize(
    ("money", "text", "grouped"),
    [
        (Money(currency_code="EUR", units=1234, nanos=500_000_000), "1234.50", "1,234.50 EUR"),
        (Money(currency_code="JPY", units=125_000), "125000", "125,000 JPY"),
        (Money(currency_code="KWD", units=1, nanos=5_000_000), "1.005", "1.005 KWD"),
        (Money(currency_code="EUR", nanos=-10_000_000), "-0.01", "-0.01 EUR"),
        (Money(currency_code="EUR"), "0.00", "0.00 EUR"),
        (Money(currency_code="JPY", units=100), "100", "100 JPY"),
        (Money(currency_code="ZZZ", units=1, nanos=234_000_000), "1.234", "1.234 ZZZ"),
    ],
)
def test_an_amount_has_the_decimals_of_its_currency(money: Money, text: str, grouped: str) -> None:
    assert amount(money) == text
    assert money_text(money) == grouped


@given(st.sampled_from(sorted(EXPONENTS)), st.integers(-MAX_MINOR, MAX_MINOR))
def test_an_amount_reads_as_its_minor_units(currency: str, minor: int) -> None:
    wanted = Amount(currency, minor)
    assert f"{amount(to_proto(wanted))} {currency}" == str(wanted)


@pytest.mark.parametrize("text", ["12.50EUR", "12.5 eur", " 12.50 EUR "])
def test_an_amount_is_typed_with_its_currency(text: str) -> None:
    assert parse_money(text) == Money(currency_code="EUR", units=12, nanos=500_000_000)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("12.50", "is no amount such as 12.50EUR"),
        ("EUR 12", "is no amount"),
        ("-1EUR", "is no amount"),
        ("1.005EUR", "at most 2 decimals in EUR"),
        ("1.5JPY", "at most 0 decimals in JPY"),
        ("1XYZ", "not an active ISO 4217"),
        ("1.2.3EUR", "must be a decimal number"),
    ],
)
def test_what_is_no_amount_names_its_rule(text: str, rule: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=rule):
        parse_money(text)


@given(st.integers(1, 10_000))
def test_a_percentage_is_read_as_it_is_written(basis_points: int) -> None:
    assert parse_percent(percent_text(basis_points)) == basis_points


@pytest.mark.parametrize("text", ["0", "100.01", "1.005", "x", "", "-5", "nan", "inf"])
def test_what_is_no_percentage_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        parse_percent(text)
