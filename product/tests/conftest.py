from collections.abc import AsyncIterator

import pytest
from grpc import aio

from bodega.product.v1 import product_pb2, product_pb2_grpc
from product.service import Catalogue
from product.servicer import ProductServicer, encode
from product.store.change_notifier import ChangeHub
from product.store.store import Store
from product.tests.examples import pack
from runtime.auth.bearer import BearerGuard
from runtime.chain import default_chain
from runtime.client import connect
from runtime.database import Database, open_database
from runtime.migrate import upgrade
from runtime.server import Server
from runtime.settings import ServerSettings
from runtime.testing.issuer import AUDIENCE, LoopbackIssuer
from runtime.testing.one_token import OneToken
from runtime.testing.waiting import PATIENCE

pytest_plugins = [
    "runtime.testing.databases",
    "runtime.testing.rpc",
    "runtime.testing.tokens",
]

SERVICE = product_pb2.DESCRIPTOR.services_by_name["ProductService"]


@pytest.fixture
def migrations() -> str:
    return "product.migrations"


@pytest.fixture
def store(database: Database) -> Store:
    """On SQLite and on PostgreSQL."""
    return Store(database, pack)


@pytest.fixture
async def sqlite_database(sqlite_url: str, migrations: str) -> AsyncIterator[Database]:
    await upgrade(sqlite_url, migrations)
    opened = await open_database(sqlite_url)
    yield opened
    await opened.close()


@pytest.fixture
def hub() -> ChangeHub:
    return ChangeHub()


@pytest.fixture
def catalogue(sqlite_database: Database, hub: ChangeHub) -> Catalogue:
    return Catalogue(Store(sqlite_database, encode), hub)


@pytest.fixture
async def server(
    server_settings: ServerSettings, catalogue: Catalogue, guard: BearerGuard
) -> Server:
    """With each engine in turn; not yet serving."""
    made = Server(server_settings, middleware=default_chain(server_settings, guard=guard))
    servicer = ProductServicer(catalogue)
    made.add(product_pb2_grpc.add_ProductServiceServicer_to_server, servicer, SERVICE)
    return made


@pytest.fixture
async def address(server: Server) -> AsyncIterator[str]:
    """Where the server serves until the test ends."""
    async with server.running() as address:
        yield address


@pytest.fixture
def tokens(issuer: LoopbackIssuer) -> OneToken:
    """One token with which everything is allowed."""
    return OneToken(issuer.token(AUDIENCE, "catalog.write"))


@pytest.fixture
async def channel(address: str, tokens: OneToken) -> AsyncIterator[aio.Channel]:
    async with connect(address, SERVICE, timeout=PATIENCE, tokens=tokens) as opened:
        yield opened


@pytest.fixture
def stub(channel: aio.Channel) -> product_pb2_grpc.ProductServiceAsyncStub:
    return product_pb2_grpc.ProductServiceStub(channel)
