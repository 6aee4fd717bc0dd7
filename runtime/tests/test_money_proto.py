import pytest
from google.type import money_pb2
from hypothesis import given
from hypothesis import strategies as st

from runtime.currencies import EXPONENTS
from runtime.errors import InvalidArgument
from runtime.money import MAX_MINOR, Money
from runtime.money_proto import from_proto, to_proto

CURRENCIES = st.sampled_from(sorted(EXPONENTS))


def violated(money: money_pb2.Money, *, allow_negative: bool = False) -> set[str]:
    with pytest.raises(InvalidArgument) as caught:
        from_proto(money, field="price", allow_negative=allow_negative)
    return {each.field for each in caught.value.violations}


def proto(currency: str, units: int, nanos: int = 0) -> money_pb2.Money:
    return money_pb2.Money(currency_code=currency, units=units, nanos=nanos)


@given(st.builds(Money, CURRENCIES, st.integers(-MAX_MINOR, MAX_MINOR)))
def test_an_amount_survives_the_wire(money: Money) -> None:
    wire = to_proto(money)
    assert wire.units * wire.nanos >= 0
    assert from_proto(wire, field="price", allow_negative=True) == money


@given(CURRENCIES, st.integers(-(2**63), 2**63 - 1), st.integers(-(2**31), 2**31 - 1))
def test_what_is_accepted_is_exact_and_within_limits(currency: str, units: int, nanos: int) -> None:
    wire = proto(currency, units, nanos)
    try:
        money = from_proto(wire, field="price", allow_negative=True)
    except InvalidArgument as error:
        assert error.violations  # noqa: PT017  (either outcome is right; each has its check)
        return
    assert to_proto(money) == wire
    assert abs(money.minor) <= MAX_MINOR


@pytest.mark.parametrize(
    ("money", "fields"),
    [
        (proto("EUR", -1), {"price.units"}),
        (proto("EUR", 0, -10_000_000), {"price.nanos"}),
        (proto("EUR", 1, 1), {"price.nanos"}),
        (proto("JPY", 1, 500_000_000), {"price.nanos"}),
        (proto("KWD", 0, 1_500_000), {"price.nanos"}),
        (proto("EUR", 0, 1_000_000_000), {"price.nanos"}),
        (proto("", 1), {"price.currency_code"}),
        (proto("XAU", 1), {"price.currency_code"}),
        (proto("eur", 1), {"price.currency_code"}),
        (proto("EUR", 10**10, 10_000_000), {"price.units"}),
        (proto("EUR", 2**63 - 1), {"price.units"}),
        (proto("XXX", -1, 5), {"price.units", "price.nanos", "price.currency_code"}),
    ],
)
def test_every_rule_broken_is_named(money: money_pb2.Money, fields: set[str]) -> None:
    assert violated(money) == fields


def test_signs_that_differ_are_refused_even_where_negative_is_allowed() -> None:
    assert violated(proto("EUR", 1, -10_000_000), allow_negative=True) == {"price.nanos"}
    assert violated(proto("EUR", -1, 10_000_000), allow_negative=True) == {"price.nanos"}


def test_the_largest_amount_is_accepted() -> None:
    assert from_proto(proto("EUR", 10**10), field="price") == Money("EUR", MAX_MINOR)
