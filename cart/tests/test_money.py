"""What prices come to: properties that hold for any cart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cart.model import Line
from cart.pricing.money import discount_off, totals_of
from cart.pricing.types import FixedAmounts, Percentage
from cart.validation import MAX_LINES, MAX_QUANTITY
from runtime.money import MAX_MINOR, Money

amounts = st.integers(0, MAX_MINOR)
quantities = st.integers(1, MAX_QUANTITY)


@st.composite
def lines(make: st.DrawFn) -> Line:
    list_minor = make(amounts)
    off = make(st.integers(0, list_minor))
    return Line(1, 1, "S", "Thing", "", make(quantities), "EUR", list_minor, "", off)


@given(st.integers(1, 10_000), amounts)
def test_a_share_is_rounded_half_up_and_never_above_the_price(points: int, minor: int) -> None:
    off = discount_off(Percentage(points), Money("EUR", minor))
    assert off is not None
    assert 0 <= off <= minor
    # The exact share is no more than a half away, and where it is just that, below.
    assert -10_000 < 2 * (off * 10_000 - minor * points) <= 10_000


@pytest.mark.parametrize(
    ("minor", "points", "off"),
    [
        (999, 1_000, 100),
        (5, 1_000, 1),
        (4, 1_000, 0),
        (1, 5_000, 1),
        (1, 4_999, 0),
        (1, 10_000, 1),
        (0, 10_000, 0),
        (MAX_MINOR, 10_000, MAX_MINOR),
        (MAX_MINOR, 1, MAX_MINOR // 10_000),
    ],
)
def test_a_share_of_a_price(minor: int, points: int, off: int) -> None:
    assert discount_off(Percentage(points), Money("EUR", minor)) == off


@given(amounts, amounts)
def test_an_amount_takes_off_no_more_than_the_price(amount: int, minor: int) -> None:
    """Seed fault 6: a discount could make a price negative."""
    off = discount_off(FixedAmounts({"EUR": amount}), Money("EUR", minor))
    assert off == min(amount, minor)


def test_an_amount_in_another_currency_is_not_good() -> None:
    assert discount_off(FixedAmounts({"EUR": 100}), Money("JPY", 1_000)) is None
    assert discount_off(FixedAmounts({"EUR": 1, "JPY": 7}), Money("JPY", 1_000)) == 7


@given(st.lists(lines(), max_size=20))
def test_the_totals_are_the_sums_of_the_lines_and_never_negative(cart: list[Line]) -> None:
    totals = totals_of(cart)
    assert totals.items == len(cart)
    assert totals.units == sum(each.quantity for each in cart)
    assert totals.total_minor == sum(each.unit_minor * each.quantity for each in cart)
    assert totals.total_minor == totals.subtotal_minor - totals.discount_minor
    assert 0 <= totals.total_minor <= totals.subtotal_minor
    assert all(each.unit_minor >= 0 for each in cart)
    assert totals.currency == ("EUR" if cart else "")


def test_the_largest_cart_stays_within_64_bits() -> None:
    line = Line(1, 1, "S", "Thing", "", MAX_QUANTITY, "EUR", MAX_MINOR, "", 0)
    assert totals_of([line] * MAX_LINES).subtotal_minor < 2**63
