"""Connects to Product and Discount."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bodega.discount.v1 import discount_pb2, discount_pb2_grpc
from bodega.product.v1 import product_pb2, product_pb2_grpc
from cart.discount_codes import DiscountCodes
from cart.price_book import PriceBook
from cart.product_prices import ProductPrices
from cart.settings import CartSettings
from runtime.auth.token_source import TokenSource
from runtime.client import connect
from runtime.tracing import TraceSource

PRODUCT = product_pb2.DESCRIPTOR.services_by_name["ProductService"]
DISCOUNT = discount_pb2.DESCRIPTOR.services_by_name["DiscountService"]


@asynccontextmanager
async def price_book(
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
