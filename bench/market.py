"""The shop's four servers with products to sell, each item with a discount code of its own."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bench.benchmark import check_equal
from bench.catalogue import batches, drafts
from bench.served import handled
from bench.shop import Shop, running_shop
from bodega.cart.v1 import cart_pb2, cart_pb2_grpc
from bodega.discount.v1 import discount_pb2, discount_pb2_grpc
from bodega.product.v1 import product_pb2, product_pb2_grpc
from runtime.auth.token_source import TokenSource
from runtime.money_proto import from_proto
from tools.shop.part import Calls
from tools.shop.parts import PARTS

CART = cart_pb2.DESCRIPTOR.services_by_name["CartService"]
DISCOUNT = discount_pb2.DESCRIPTOR.services_by_name["DiscountService"]
PRODUCT = product_pb2.DESCRIPTOR.services_by_name["ProductService"]
SERVERS = [part for part in PARTS if part.calls is not Calls.CLIENT]

QUANTITY = 2
# What each code takes off.
BASIS_POINTS = 1_000
CODES_AT_ONCE = 64


class Offer(NamedTuple):
    """A product that is sold."""

    product_id: int
    price_minor: int

    @property
    def total_minor(self) -> int:
        """What it comes to in a cart: a tenth off each unit, rounded half up."""
        return (self.price_minor - (self.price_minor + 5) // 10) * QUANTITY


@dataclass(frozen=True, slots=True)
class Market:
    """Servers that serve, and a token for everybody's carts."""

    shop: Shop
    offers: Sequence[Offer]
    token: str
    carts: cart_pb2_grpc.CartServiceAsyncStub
    discounts: discount_pb2_grpc.DiscountServiceAsyncStub

    async def open_cart(self, owner: str) -> None:
        """Make an empty cart."""
        await self.carts.CreateCart(cart_pb2.CreateCartRequest(owner=owner))

    async def make_codes(self, codes: Iterable[str]) -> None:
        """Make discounts that the cart server has never heard of."""
        limit = asyncio.Semaphore(CODES_AT_ONCE)

        async def make(code: str) -> None:
            discount = discount_pb2.Discount(code=code, basis_points=BASIS_POINTS, active=True)
            async with limit:
                await self.discounts.CreateDiscount(
                    discount_pb2.CreateDiscountRequest(discount=discount)
                )

        await asyncio.gather(*map(make, codes))

    async def times_asked(self) -> int:
        """Return how often Discount has answered what codes are worth."""
        metrics = self.shop.metrics("discount")
        counts = await handled(metrics, DISCOUNT.full_name, "BatchGetDiscounts")
        return counts.get("OK", 0)

    def cpu_seconds(self) -> float:
        """Return the processor time of all servers together."""
        return sum(process.cpu_seconds() for process in self.shop.processes.values())

    async def check_cart(self, owner: str, items: int) -> None:
        """Raise WrongResultError unless the cart holds the first offers, at their prices."""
        response = await self.carts.GetCart(cart_pb2.GetCartRequest(owner=owner))
        offers = self.offers[:items]
        found = [item.product_id for item in response.cart.items]
        check_equal(f"products of {owner}", found, [offer.product_id for offer in offers])
        total = from_proto(response.cart.totals.total, field="total").minor
        check_equal(f"total of {owner}", total, sum(offer.total_minor for offer in offers))


@asynccontextmanager
async def market(folder: Path, offers: int) -> AsyncIterator[Market]:
    """Run the servers as the shop does, with so many products in the catalogue."""
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(running_shop(folder, SERVERS))

        async def tokens(resource: str, *scopes: str) -> TokenSource:
            return await stack.enter_async_context(shop.tokens("operator", resource, *scopes))

        selling = await tokens("urn:bodega:product", "catalog.write")
        product = await stack.enter_async_context(shop.channel("product", PRODUCT, selling))
        making = await tokens("urn:bodega:discount", "discounts.write")
        discount = await stack.enter_async_context(shop.channel("discount", DISCOUNT, making))
        buying = await tokens("urn:bodega:cart", "carts", "carts.manage")
        cart = await stack.enter_async_context(shop.channel("cart", CART, buying))
        yield Market(
            shop,
            await _sell(product_pb2_grpc.ProductServiceStub(product), offers),
            await buying.token(),
            cart_pb2_grpc.CartServiceStub(cart),
            discount_pb2_grpc.DiscountServiceStub(discount),
        )


async def _sell(stub: product_pb2_grpc.ProductServiceAsyncStub, count: int) -> list[Offer]:
    """Fill the catalogue with products that are in stock, and return them."""
    in_stock = (draft._replace(status=1) for draft in drafts(count))
    requests = map(product_pb2.ImportProductsRequest.FromString, batches(in_stock, 200))
    await stub.ImportProducts(iter(requests))
    chunks = stub.StreamProducts(product_pb2.StreamProductsRequest())
    return [
        Offer(product.id, from_proto(product.price, field="price").minor)
        async for chunk in chunks
        for product in chunk.products
    ]
