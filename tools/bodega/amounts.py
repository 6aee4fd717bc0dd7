"""Amounts of money, as people write and read them; no float touches one."""

import argparse
import re
from decimal import Decimal, InvalidOperation

from google.type.money_pb2 import Money as MoneyProto

from runtime.currencies import EXPONENTS
from runtime.money import Money
from runtime.money_proto import to_proto

_NANOS = 10**9
_PARTS = re.compile(r"([0-9.]+)\s*([A-Za-z]{3})")


def amount(money: MoneyProto, *, grouped: bool = False) -> str:
    """Return the amount with the decimals of its currency: 1234.50, or grouped 1,234.50."""
    whole, rest = divmod(abs(money.units) * _NANOS + abs(money.nanos), _NANOS)
    decimals = f"{rest:09}".rstrip("0").ljust(EXPONENTS.get(money.currency_code, 2), "0")
    sign = "-" if money.units < 0 or money.nanos < 0 else ""
    return f"{sign}{whole:,}.{decimals}".rstrip(".").replace(",", "," if grouped else "")


def money_text(money: MoneyProto) -> str:
    """Return the amount for people: 1,234.50 EUR."""
    return f"{amount(money, grouped=True)} {money.currency_code}".strip()


def parse_money(text: str) -> MoneyProto:
    """Read the argument `12.50EUR` or `12.50 EUR`."""
    parts = _PARTS.fullmatch(text.strip())
    if parts is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no amount such as 12.50EUR")
    try:
        return to_proto(Money.parse(parts[1], parts[2].upper()))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from None


def parse_percent(text: str) -> int:
    """Read the argument `12.5` or `12.5%` as basis points."""
    try:
        points = Decimal(text.removesuffix("%")) * 100
        is_good = 1 <= points <= 10_000 and not points % 1
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{text!r} is no percentage such as 12.5") from None
    if not is_good:
        raise argparse.ArgumentTypeError(f"{text}: must be 0.01 to 100, with two decimals at most")
    return int(points)


def percent_text(basis_points: int) -> str:
    """Return basis points for people: 12.5%."""
    return f"{(Decimal(basis_points) / 100).normalize():f}%"
