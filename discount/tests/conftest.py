from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from grpc import aio

from bodega.discount.v1 import discount_pb2_grpc
from discount.server import SERVICE
from discount.service import Discounts
from discount.servicer import DiscountServicer
from discount.store import Store
from discount.tests.examples import HandClock
from runtime.auth.bearer import BearerGuard
from runtime.chain import default_chain
from runtime.client import connect
from runtime.database import Database, open_database
from runtime.migrate import upgrade
from runtime.server import Server
from runtime.settings import ServerSettings
from runtime.testing.issuer import AUDIENCE, LoopbackIssuer
from runtime.testing.one_token import OneToken

pytest_plugins = [
    "runtime.testing.databases",
    "runtime.testing.rpc",
    "runtime.testing.tokens",
]

SCOPES = ("discounts.read", "discounts.write", "discounts.redeem")


@pytest.fixture
def migrations() -> str:
    return "discount.migrations"


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def store(database: Database) -> Store:
    """On SQLite and on PostgreSQL."""
    return Store(database)


@pytest.fixture
async def discounts(sqlite_url: str, migrations: str, clock: HandClock) -> AsyncIterator[Discounts]:
    await upgrade(sqlite_url, migrations)
    opened = await open_database(sqlite_url)
    yield Discounts(Store(opened), clock=clock)
    await opened.close()


@pytest.fixture
async def address(
    server_settings: ServerSettings, discounts: Discounts, guard: BearerGuard
) -> AsyncIterator[str]:
    """Where a server of each engine in turn serves until the test ends."""
    server = Server(server_settings, middleware=default_chain(server_settings, guard=guard))
    servicer = DiscountServicer(discounts)
    server.add(discount_pb2_grpc.add_DiscountServiceServicer_to_server, servicer, SERVICE)
    async with server.running() as address:
        yield address


@pytest.fixture
async def channel(address: str, issuer: LoopbackIssuer) -> AsyncIterator[aio.Channel]:
    tokens = OneToken(issuer.token(AUDIENCE, *SCOPES))
    patient = timedelta(minutes=1)
    async with connect(address, SERVICE, tokens=tokens, timeout=patient) as opened:
        yield opened


@pytest.fixture
def stub(channel: aio.Channel) -> discount_pb2_grpc.DiscountServiceAsyncStub:
    return discount_pb2_grpc.DiscountServiceStub(channel)
