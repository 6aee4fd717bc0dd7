from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bodega.cart.v1 import cart_pb2, cart_pb2_grpc
from cart.service import Carts
from cart.servicer import CartServicer, encode
from cart.sessions import Live
from cart.store.change_notifier import CartHub
from cart.store.store import Store
from cart.tests.examples import Shop
from runtime.auth.bearer import BearerGuard
from runtime.chain import default_chain
from runtime.client import connect
from runtime.database import Database, open_database
from runtime.migrate import upgrade
from runtime.server import Server
from runtime.settings import ServerSettings
from runtime.testing.issuer import AUDIENCE, LoopbackIssuer
from runtime.testing.one_token import OneToken

if TYPE_CHECKING:
    from cart.tests.examples import Stub

pytest_plugins = [
    "runtime.testing.databases",
    "runtime.testing.rpc",
    "runtime.testing.tokens",
]

SERVICE = cart_pb2.DESCRIPTOR.services_by_name["CartService"]

type As = Callable[..., Stub]


@pytest.fixture
def migrations() -> str:
    return "cart.migrations"


@pytest.fixture
def store(database: Database) -> Store:
    """On SQLite and on PostgreSQL."""
    return Store(database)


@pytest.fixture
async def sqlite_database(sqlite_url: str, migrations: str) -> AsyncIterator[Database]:
    await upgrade(sqlite_url, migrations)
    opened = await open_database(sqlite_url)
    yield opened
    await opened.close()


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def hub() -> CartHub:
    return CartHub()


@pytest.fixture
def carts(sqlite_database: Database, shop: Shop, hub: CartHub) -> Carts:
    return Carts(Store(sqlite_database), shop, hub, encode)


@pytest.fixture
async def server(
    server_settings: ServerSettings, carts: Carts, hub: CartHub, guard: BearerGuard
) -> Server:
    """With each engine in turn; not yet serving."""
    made = Server(server_settings, middleware=default_chain(server_settings, guard=guard))
    servicer = CartServicer(carts, Live(carts, hub))
    made.add(cart_pb2_grpc.add_CartServiceServicer_to_server, servicer, SERVICE)
    return made


@pytest.fixture
async def address(server: Server) -> AsyncIterator[str]:
    """Where the server serves until the test ends."""
    async with server.running() as address:
        yield address


@pytest.fixture
async def calling_as(address: str, issuer: LoopbackIssuer) -> AsyncIterator[As]:
    """Return a stub whose calls carry a token for a subject, with scopes."""
    async with AsyncExitStack() as stack:

        def call(subject: str, *scopes: str) -> Stub:
            token = issuer.token(AUDIENCE, *(scopes or ("carts",)), subject=subject)
            channel = connect(
                address, SERVICE, tokens=OneToken(token), timeout=timedelta(minutes=1)
            )
            stack.push_async_callback(channel.close)
            return cart_pb2_grpc.CartServiceStub(channel)

        yield call


@pytest.fixture
def stub(calling_as: As) -> Stub:
    """Calls of ann, who has no more than a customer's scope."""
    return calling_as("ann")


@pytest.fixture
def manager(calling_as: As) -> Stub:
    """Calls of a service that reaches everybody's carts."""
    return calling_as("worker", "carts", "carts.manage")
