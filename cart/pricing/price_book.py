"""Prices and discounts, asked of Product and Discount at once."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import NoReturn

from bodega.discount.v1 import discount_pb2, discount_pb2_grpc
from bodega.product.v1 import product_pb2, product_pb2_grpc
from cart.pricing.discount_client import DiscountCodes
from cart.pricing.product_client import ProductPrices
from cart.pricing.types import CodeState, Quotes
from cart.settings import CartSettings
from runtime.auth.token_source import TokenSource
from runtime.client import connect
from runtime.tracing import TraceSource

PRODUCT = product_pb2.DESCRIPTOR.services_by_name["ProductService"]
DISCOUNT = discount_pb2.DESCRIPTOR.services_by_name["DiscountService"]


class PriceBook:
    """What goes into carts, as Product and Discount have it: the real `Quoter`."""

    def __init__(self, products: ProductPrices, codes: DiscountCodes) -> None:
        self._products = products
        self._codes = codes

    async def quote(self, product_ids: Collection[int], codes: Collection[str]) -> Quotes:
        """Return prices and discounts. Unavailable where Product is away."""
        products, found = await asyncio.gather(
            self._products.get(product_ids), self._codes.get(codes)
        )
        return Quotes(products, found.values, found.failure)

    async def redeem(self, owner: str, codes: Collection[str]) -> Mapping[str, CodeState]:
        """Redeem limited codes for an owner. Unavailable where Discount is away."""
        return await self._codes.redeem(owner, codes)

    async def follow(self) -> NoReturn:
        """Listen for changes of products for ever."""
        await self._products.follow()

    async def close(self) -> None:
        """Give up what is under way."""
        await self._products.close()
        await self._codes.close()


@asynccontextmanager
async def connect_price_book(
    settings: CartSettings, traces: TraceSource | None
) -> AsyncIterator[PriceBook]:
    """Connect to Product and Discount; either may be away, and come later."""
    async with (
        TokenSource.of(settings, settings.resource, "discounts.read", "discounts.redeem") as tokens,
        connect(
            settings.product, PRODUCT, tls_roots=settings.product_tls_roots, traces=traces
        ) as product,
        connect(
            settings.discount,
            DISCOUNT,
            tls_roots=settings.discount_tls_roots,
            traces=traces,
            tokens=tokens,
            trust_network=settings.trust_network,
        ) as discount,
    ):
        book = PriceBook(
            ProductPrices(product_pb2_grpc.ProductServiceStub(product)),
            DiscountCodes(discount_pb2_grpc.DiscountServiceStub(discount)),
        )
        try:
            yield book
        finally:
            await book.close()
