"""Connections to the servers that the load writes to."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from google.protobuf.descriptor import ServiceDescriptor

from bodega.cart.v1 import cart_pb2, cart_pb2_grpc
from bodega.discount.v1 import discount_pb2, discount_pb2_grpc
from bodega.product.v1 import product_pb2, product_pb2_grpc
from e2e.shop.running import RunningShop
from runtime.client import Channel

PRODUCT = product_pb2.DESCRIPTOR.services_by_name["ProductService"]
CART = cart_pb2.DESCRIPTOR.services_by_name["CartService"]
DISCOUNT = discount_pb2.DESCRIPTOR.services_by_name["DiscountService"]


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the writers write to; who redeems codes has a token of its own."""

    products: product_pb2_grpc.ProductServiceAsyncStub
    carts: cart_pb2_grpc.CartServiceAsyncStub
    discounts: discount_pb2_grpc.DiscountServiceAsyncStub
    redeeming: discount_pb2_grpc.DiscountServiceAsyncStub


@asynccontextmanager
async def connected(shop: RunningShop) -> AsyncIterator[Servers]:
    """Connect to the servers of a shop."""
    async with AsyncExitStack() as stack:

        async def channel(
            server: str, service: ServiceDescriptor, *scopes: str, client_id: str = "operator"
        ) -> Channel:
            source = shop.tokens(f"urn:bodega:{server}", *scopes, client_id=client_id)
            tokens = await stack.enter_async_context(source)
            return await stack.enter_async_context(shop.channel(server, service, tokens))

        yield Servers(
            product_pb2_grpc.ProductServiceStub(await channel("product", PRODUCT, "catalog.write")),
            cart_pb2_grpc.CartServiceStub(await channel("cart", CART, "carts", "carts.manage")),
            discount_pb2_grpc.DiscountServiceStub(
                await channel("discount", DISCOUNT, "discounts.read", "discounts.write")
            ),
            # With Cart's secret: the operator may not redeem.
            discount_pb2_grpc.DiscountServiceStub(
                await channel("discount", DISCOUNT, "discounts.redeem", client_id="cart")
            ),
        )
