"""What all carts come to, a page at a time: on SQLite, reading a table holds up every RPC."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from prometheus_client import Gauge

from cart.model import Summary
from runtime import gauging
from runtime.logs import get_logger

log = get_logger(__name__)

_CARTS = Gauge("bodega_cart_carts", "Carts that there are.")
_LINES = Gauge("bodega_cart_lines", "Items in all carts, whatever their quantities.")
_VALUE = Gauge(
    "bodega_cart_value_minor",
    "What all carts come to, in the currency's minor units.",
    ["currency"],
)
_PAGE = 50

type Page = Callable[[str, int], Awaitable[list[Summary]]]


@dataclass
class Extent:
    """What all carts come to."""

    carts: int = 0
    lines: int = 0
    value: Counter[str] = field(default_factory=Counter)

    def add(self, cart: Summary) -> None:
        """Take one more cart in; one that is empty has no currency."""
        self.carts += 1
        self.lines += cart.totals.items
        if cart.totals.items:
            self.value[cart.totals.currency] += cart.totals.total_minor


async def extent(page: Page) -> Extent:
    """Read all carts, and let others run after each page."""
    found = Extent()
    last = ""
    while carts := await page(last, _PAGE):
        for cart in carts:
            found.add(cart)
        last = carts[-1].head.owner
        await asyncio.sleep(0)
    return found


async def gauge_for_ever(page: Page, wait: gauging.Wait = asyncio.sleep) -> None:
    """Show what all carts come to, whichever replica wrote them."""
    shown: set[str] = set()

    async def look() -> None:
        found = await extent(page)
        _CARTS.set(found.carts)
        _LINES.set(found.lines)
        shown.update(found.value)
        for currency in shown:
            _VALUE.labels(currency).set(found.value[currency])

    await gauging.gauge_for_ever(look, log, "the gauges of the carts stand still", wait)
