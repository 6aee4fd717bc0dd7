"""The real servers, in the test's own process, each over a database of its own."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import ServiceDescriptor

from bodega.cart.v1 import cart_pb2, cart_pb2_grpc
from bodega.discount.v1 import discount_pb2, discount_pb2_grpc
from bodega.product.v1 import product_pb2, product_pb2_grpc
from cart.pricing.price_book import connect_price_book
from cart.service import Carts
from cart.servicer import CartServicer
from cart.servicer import encode as encode_cart
from cart.sessions import Live
from cart.settings import CartSettings
from cart.store.change_notifier import CartHub
from cart.store.store import Store as CartStore
from discount.service import Discounts
from discount.servicer import DiscountServicer
from discount.store import Store as DiscountStore
from product.service import Catalogue
from product.servicer import ProductServicer, encode
from product.store.change_notifier import ChangeHub
from product.store.store import Store
from runtime.auth.bearer import BearerGuard
from runtime.auth.issuer import Issuer
from runtime.chain import default_chain
from runtime.server import Server
from runtime.settings import ServerSettings
from tools.bodega.tests.identity_server import Identity, opened


@asynccontextmanager
async def guarded(
    issuer: str,
    audience: str,
    add: Callable[[Any, Any], None],
    servicer: object,
    service: ServiceDescriptor,
    listen: str = "127.0.0.1:0",
    leeway: timedelta = timedelta(seconds=30),
) -> AsyncIterator[str]:
    """Serve to whoever has a token of the issuer; yield the address."""
    settings = ServerSettings(listen=listen)
    guard = BearerGuard(Issuer(issuer), audience, leeway=leeway)
    server = Server(settings, middleware=default_chain(settings, guard=guard))
    server.add(add, servicer, service)
    try:
        async with server.running() as address:
            yield address
    finally:
        await guard.close()


@asynccontextmanager
async def product(folder: Path, issuer: str, *, listen: str = "127.0.0.1:0") -> AsyncIterator[str]:
    """Serve a catalogue; yield its address."""
    async with opened(folder, "product") as database:
        service = product_pb2.DESCRIPTOR.services_by_name["ProductService"]
        servicer = ProductServicer(Catalogue(Store(database, encode), ChangeHub()))
        add = product_pb2_grpc.add_ProductServiceServicer_to_server
        serving = guarded(issuer, "urn:bodega:product", add, servicer, service, listen)
        async with serving as address:
            yield address


@asynccontextmanager
async def discount(folder: Path, issuer: str) -> AsyncIterator[str]:
    """Serve discount codes; yield the address."""
    async with opened(folder, "discount") as database:
        service = discount_pb2.DESCRIPTOR.services_by_name["DiscountService"]
        servicer = DiscountServicer(Discounts(DiscountStore(database)))
        add = discount_pb2_grpc.add_DiscountServiceServicer_to_server
        async with guarded(issuer, "urn:bodega:discount", add, servicer, service) as address:
            yield address


@asynccontextmanager
async def cart(
    folder: Path, identity: Identity, product: str, discount: str, **how: Any
) -> AsyncIterator[str]:
    """Serve carts, whose prices are those of the real servers; yield the address."""
    settings = CartSettings.model_validate(
        {
            "product": product,
            "discount": discount,
            "issuer": identity.url,
            "client_secret_file": identity.secret_file("cart"),
        }
    )
    async with opened(folder, "cart") as database, connect_price_book(settings, None) as book:
        service = cart_pb2.DESCRIPTOR.services_by_name["CartService"]
        hub = CartHub()
        carts = Carts(CartStore(database), book, hub, encode_cart)
        servicer = CartServicer(carts, Live(carts, hub))
        add = cart_pb2_grpc.add_CartServiceServicer_to_server
        serving = guarded(identity.url, settings.audience, add, servicer, service, **how)
        async with serving as address:
            yield address
