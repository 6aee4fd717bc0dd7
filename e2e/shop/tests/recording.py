"""What the parts of a shop say at /metrics, in the middle of its work and of its troubles."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from grpc import aio
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from bodega.cart.v1 import cart_pb2, cart_pb2_grpc
from e2e.shop.running import RunningShop, running_shop
from runtime.testing.waiting import eventually

CART = cart_pb2.DESCRIPTOR.services_by_name["CartService"]

# What is away is missed soon, and found again soon.
IMPATIENT = {
    f"BODEGA_{worker}_{setting}": value
    for worker in ("CART_WORKER", "PRODUCT_WORKER")
    for setting, value in (("DEADLINE", "1s"), ("MAX_BACKOFF", "200ms"))
}
PATIENCE_SECONDS = 60
# Counts of the shop's screen that only work makes grow.
WORK = (
    ("product-worker", "batches"),
    ("cart-worker", "visits"),
    ("discount", "codes looked up"),
    ("discount", "redeemed"),
)
FAILURES = {
    "cart": "bodega_cart_upstream_failures",
    "cart-worker": "bodega_cart_worker_failures",
    "product-worker": "bodega_product_worker_failures",
}

_never_sold = count(2**40)

type Scrape = Mapping[str, list[Metric]]


@dataclass(frozen=True)
class Recording:
    """Two scrapes of all parts, by the part's name; whatever is counted has grown between them."""

    earlier: Scrape
    later: Scrape

    def families(self) -> Iterator[tuple[str, Metric]]:
        """Give each family of the later scrape that has a sample, with the part that says it."""
        for part, families in self.later.items():
            yield from ((part, family) for family in families if family.samples)


async def record(data: Path, env: Mapping[str, str]) -> Recording:
    """Run a shop, let it work and fail, scrape it, and once again."""
    async with running_shop(data, {**env, **IMPATIENT}) as shop:
        await shop.healthy()
        # The carts are looked at every few seconds.
        await eventually(lambda: _count(shop, "cart", "items") > 0, PATIENCE_SECONDS)
        await _live(shop)
        earlier = await _scrape(shop, shop.names)
        await _live(shop)
        return Recording(earlier, await _scrape(shop, shop.names))


async def _live(shop: RunningShop) -> None:
    """See all work go on, calls refused, and what becomes of all without Product."""
    async with (
        shop.tokens("urn:bodega:cart", "carts", "carts.manage") as tokens,
        shop.channel("cart", CART, tokens) as channel,
    ):
        carts = cart_pb2_grpc.CartServiceStub(channel)
        await _be_refused(carts)
        before = await _failures(shop)
        with shop.paused("product"):
            await _be_refused(carts)
            await _failing_more(shop, before)
    await shop.healthy()
    done = {each: _count(shop, *each) for each in WORK}
    await eventually(
        lambda: all(_count(shop, *each) > done[each] for each in WORK), PATIENCE_SECONDS
    )


async def _be_refused(carts: cart_pb2_grpc.CartServiceAsyncStub) -> None:
    """Ask for a cart that is not there, and in a session for a product that nobody ever sold.

    Another product each time: Cart knows for a while what is not there, and what it did before.
    """
    with suppress(aio.AioRpcError):
        await carts.GetCart(cart_pb2.GetCartRequest(owner="nobody"))
    with suppress(aio.AioRpcError):
        await carts.CreateCart(cart_pb2.CreateCartRequest(owner="somebody"))
    for _ in range(2):
        await carts.GetCart(cart_pb2.GetCartRequest(owner="somebody"))
    session = carts.SyncCart()
    await session.write(cart_pb2.SyncCartRequest(open=cart_pb2.OpenSession(owner="somebody")))
    product_id = next(_never_sold)
    add = cart_pb2.AddOperation(items=[cart_pb2.NewItem(product_id=product_id, quantity=1)])
    operation = cart_pb2.CartOperation(operation_id=f"never-{product_id}", add=add)
    await session.write(cart_pb2.SyncCartRequest(operation=operation))
    await session.done_writing()
    async for _ in session:
        pass


async def _failing_more(shop: RunningShop, before: Mapping[str, float]) -> None:
    """Return once each that asks Product has counted failures."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while any(now <= before[part] for part, now in (await _failures(shop)).items()):
            pass


async def _failures(shop: RunningShop) -> dict[str, float]:
    scraped = await _scrape(shop, FAILURES)
    return {
        part: sum(
            sample.value
            for family in scraped[part]
            for sample in family.samples
            if family.name == name and sample.name.endswith("_total")
        )
        for part, name in FAILURES.items()
    }


async def _scrape(shop: RunningShop, parts: Iterable[str]) -> Scrape:
    return {part: list(text_string_to_metric_families(await shop.metrics(part))) for part in parts}


def _count(shop: RunningShop, part: str, title: str) -> float:
    """Return a number of the shop's screen."""
    (status,) = (status for status in shop.statuses if status.part.name == part)
    return status.history.last.counts.get(title, 0) if status.history.last else 0
