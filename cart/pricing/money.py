"""What prices come to, in whole minor units; nothing here asks or stores anything."""

from collections.abc import Iterable

from cart.model import Line, Totals
from cart.pricing.types import Benefit, FixedAmounts, Percentage
from runtime.money import Money

_WHOLE = 10_000
_HALF = _WHOLE // 2


def discount_off(benefit: Benefit, price: Money) -> int | None:
    """Return what a code takes off one unit, never more than its price.

    None where the code is not good in the currency of the price.
    """
    match benefit:
        case Percentage(basis_points):
            off = (price.minor * basis_points + _HALF) // _WHOLE
        case FixedAmounts(minor):
            if price.currency not in minor:
                return None
            off = minor[price.currency]
    return min(off, price.minor)


def totals_of(lines: Iterable[Line]) -> Totals:
    """Return what the lines of a cart come to; all are in one currency."""
    items = units = subtotal = discount = 0
    currency = ""
    for line in lines:
        items += 1
        units += line.quantity
        currency = line.currency
        subtotal += line.list_minor * line.quantity
        discount += line.discount_minor * line.quantity
    return Totals(items, units, currency, subtotal, discount)
