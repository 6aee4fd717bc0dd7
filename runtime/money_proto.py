"""Money to and from google.type.Money."""

from collections.abc import Iterator

from google.type import money_pb2

from runtime.currencies import EXPONENTS
from runtime.errors import FieldViolation, InvalidArgument
from runtime.money import MAX_MINOR, Money

_NANOS = 10**9
# By currency: minor units in one unit, and nanos in one minor unit.
_SCALES = {code: (10**exponent, _NANOS // 10**exponent) for code, exponent in EXPONENTS.items()}
_NO_SCALE = (0, 1)


def from_proto(money: money_pb2.Money, *, field: str, allow_negative: bool = False) -> Money:
    """Return the amount; raise InvalidArgument with every rule it breaks, named below `field`."""
    currency, units, nanos = money.currency_code, money.units, money.nanos
    scale, step = _SCALES.get(currency, _NO_SCALE)
    minor = units * scale + nanos // step
    # One condition for what nearly every amount is: this runs for each row of an import.
    if scale and units >= 0 and 0 <= nanos < _NANOS and minor <= MAX_MINOR and not nanos % step:
        return Money(currency, minor)
    violations = list(_violations(money, field, allow_negative=allow_negative))
    if violations:
        raise InvalidArgument(violations)
    return Money(currency, minor)


def to_proto(money: Money) -> money_pb2.Money:
    """Return the amount as google.type.Money, where units and nanos have the same sign."""
    scale, step = _SCALES[money.currency]
    units, rest = divmod(abs(money.minor), scale)
    sign = -1 if money.minor < 0 else 1
    return money_pb2.Money(
        currency_code=money.currency, units=sign * units, nanos=sign * rest * step
    )


def _violations(
    money: money_pb2.Money, field: str, *, allow_negative: bool
) -> Iterator[FieldViolation]:
    units, nanos = money.units, money.nanos
    if not allow_negative and (units < 0 or nanos < 0):
        yield FieldViolation(f"{field}.{'units' if units < 0 else 'nanos'}", "must not be negative")
    if abs(nanos) >= _NANOS:
        yield FieldViolation(f"{field}.nanos", "must be between -999,999,999 and +999,999,999")
    if units * nanos < 0:
        yield FieldViolation(f"{field}.nanos", "must have the sign of units")
    scale, step = _SCALES.get(money.currency_code, _NO_SCALE)
    if not scale:
        yield FieldViolation(f"{field}.currency_code", "must be an active ISO 4217 currency code")
        return
    if nanos % step:
        yield FieldViolation(f"{field}.nanos", f"must be a multiple of {step:,} in this currency")
    if abs(units * scale + nanos // step) > MAX_MINOR:
        yield FieldViolation(f"{field}.units", f"must be at most {MAX_MINOR // scale:,}")
