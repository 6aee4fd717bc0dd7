"""Whether a shop that was left alone for a moment serves every kind of call, and rightly."""

import asyncio
import time
from collections.abc import AsyncIterable, Iterator

from grpc import aio

from bodega.cart.v1 import cart_pb2
from bodega.discount.v1 import discount_pb2, discount_pb2_grpc
from bodega.product.v1 import product_pb2
from e2e.shop.audit import accounts
from e2e.shop.chaos.client import Call, Client, WrongAnswerError
from e2e.shop.chaos.dice import dice
from e2e.shop.chaos.ledger import Ledger, Token
from e2e.shop.chaos.load import Load
from e2e.shop.chaos.servers import DISCOUNT, Servers
from e2e.shop.running import RunningShop
from e2e.shop.totals import listed, said, stored

# For some thousand calls, one after the other.
_SECONDS = 90
# A token lives for ten minutes; what is older than this may end on its way.
_TOKEN_SECONDS = 500


async def serves(shop: RunningShop, servers: Servers, load: Load, ledger: Ledger) -> None:
    """Make every kind of call once more, and note what is not served or not right.

    - Every kind of write and every kind of reading, unary or streamed, is answered.
    - Every token that was had and has not expired is good still: no key was lost.
    - What the carts say that they come to is what their items do, computed anew.
    """
    client = Client(dice(0, "readings"))
    try:
        async with asyncio.timeout(_SECONDS):
            await load.write_every_kind()
            for call in _readings(servers):
                await client.insist(call)
            await _tokens_are_good(shop, ledger)
            await _totals_are_right(shop, servers, ledger)
    except TimeoutError:
        ledger.faults.append(f"not every call was answered within {_SECONDS} s")
    except (aio.AioRpcError, WrongAnswerError, AssertionError) as error:
        ledger.faults.append(f"not every call was answered rightly: {error!r}")


def _readings(servers: Servers) -> Iterator[Call[object]]:
    products, carts, discounts = servers.products, servers.carts, servers.discounts
    yield lambda seconds: products.ListProducts(product_pb2.ListProductsRequest(), timeout=seconds)
    yield lambda seconds: _first(
        products.StreamProducts(product_pb2.StreamProductsRequest(), timeout=seconds)
    )
    yield lambda seconds: _first(
        products.WatchProducts(product_pb2.WatchProductsRequest(), timeout=seconds)
    )
    yield lambda seconds: carts.ListCarts(cart_pb2.ListCartsRequest(), timeout=seconds)
    yield lambda seconds: _first(carts.WatchCart(cart_pb2.WatchCartRequest(), timeout=seconds))
    yield lambda seconds: discounts.ListDiscounts(
        discount_pb2.ListDiscountsRequest(), timeout=seconds
    )


async def _first[T](stream: AsyncIterable[T]) -> T:
    async for each in stream:
        return each
    raise WrongAnswerError("a stream ended before its first message")


async def _tokens_are_good(shop: RunningShop, ledger: Ledger) -> None:
    oldest = time.monotonic() - _TOKEN_SECONDS
    request = discount_pb2.GetDiscountRequest(code="WELCOME10")
    async with shop.channel("discount", DISCOUNT) as channel:
        discounts = discount_pb2_grpc.DiscountServiceStub(channel)
        for token in ledger.of(Token):
            if token.acknowledged and token.since > oldest:
                headers = (("authorization", f"Bearer {token.value}"),)
                await discounts.GetDiscount(request, metadata=headers)


async def _totals_are_right(shop: RunningShop, servers: Servers, ledger: Ledger) -> None:
    with shop.paused("cart-worker"):
        # The batch that it sent last may still be on its way into the database.
        expected, found = None, {}
        while expected != (expected := accounts(shop.database("cart"), shop.database("discount"))):
            found = await listed(servers.carts, page_size=1000)
    for owner in sorted(found.keys() | expected.keys()):
        says = said(found[owner].totals) if owner in found else None
        comes_to = stored(expected[owner]) if owner in expected else None
        if says != comes_to:
            ledger.faults.append(f"{owner}'s cart says {says}, and comes to {comes_to}")
