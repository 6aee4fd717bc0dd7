from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.currencies import EXPONENTS
from runtime.money import MAX_MINOR, Money

AMOUNTS = st.builds(Money, st.sampled_from(sorted(EXPONENTS)), st.integers(-MAX_MINOR, MAX_MINOR))


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money("EUR", 1250), "12.50 EUR"),
        (Money("EUR", 5), "0.05 EUR"),
        (Money("JPY", 1250), "1250 JPY"),
        (Money("KWD", -1), "-0.001 KWD"),
        (Money("CLF", 0), "0.0000 CLF"),
    ],
)
def test_an_amount_is_shown_with_its_currencys_decimals(money: Money, text: str) -> None:
    assert str(money) == text


@given(AMOUNTS)
def test_an_amount_shown_can_be_parsed_again(money: Money) -> None:
    amount, currency = str(money).split(" ")
    assert Money.parse(amount, currency) == money


@given(AMOUNTS)
def test_an_amount_shown_is_its_decimal_value(money: Money) -> None:
    amount, currency = str(money).split(" ")
    assert Decimal(amount) == Decimal(money.minor).scaleb(-EXPONENTS[currency])


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [("12.5", "EUR", 1250), ("12", "EUR", 1200), ("12.500", "EUR", 1250), ("3.0", "JPY", 3)],
)
def test_decimals_that_say_nothing_may_be_missing_or_many(
    amount: str, currency: str, minor: int
) -> None:
    assert Money.parse(amount, currency).minor == minor


@pytest.mark.parametrize(
    ("amount", "currency", "rule"),
    [
        ("12.505", "EUR", "at most 2 decimals in EUR"),
        ("1.5", "JPY", "at most 0 decimals in JPY"),
        ("10000000000.01", "EUR", "at most 10000000000.00 EUR"),
        ("", "EUR", "decimal number"),
        ("12,50", "EUR", "decimal number"),
        ("1e3", "EUR", "decimal number"),
        ("NaN", "EUR", "decimal number"),
        ("٣", "EUR", "decimal number"),
        ("1\n", "EUR", "decimal number"),
        ("9" * 5000, "EUR", "decimal number"),
        ("1", "eur", "not an active ISO 4217"),
        ("1", "XXX", "not an active ISO 4217"),
        ("1", "DEM", "not an active ISO 4217"),
    ],
)
def test_an_amount_that_breaks_a_rule_is_refused(amount: str, currency: str, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        Money.parse(amount, currency)


def test_the_currencies_are_those_in_force() -> None:
    assert {"EUR", "USD", "XCG", "ZWG"} <= EXPONENTS.keys()
    assert not {"BGN", "HRK", "ANG", "CUC", "SLL", "XAU", "XTS"} & EXPONENTS.keys()
    assert {code: EXPONENTS[code] for code in ("JPY", "USD", "KWD", "CLF")} == {
        "JPY": 0,
        "USD": 2,
        "KWD": 3,
        "CLF": 4,
    }
