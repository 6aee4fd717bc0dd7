import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
import uvloop

from identity.tests.provider import Provider, provider_on
from identity.tests.shop import Shop, shop_on
from identity.tests.times import HandClock
from runtime.database import Database

pytest_plugins = ["runtime.testing.databases", "runtime.testing.garbage_collector"]


# What these are about is different on the loop of the server itself, for its transports are.
ON_UVLOOP = {"test_connections.py", "test_https.py"}


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Choose the loop of a test."""
    if item.path.name in ON_UVLOOP:
        return {"uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}


@pytest.fixture
def migrations() -> str:
    return "identity.migrations"


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def provider(database: Database, tmp_path: Path) -> AsyncIterator[Provider]:
    """On SQLite and on PostgreSQL; a used refresh token is good no more, not even for a moment."""
    async with provider_on(database, tmp_path / "data", refresh_grace="0s") as serving:
        yield serving


@pytest.fixture
async def shop(database: Database, tmp_path: Path, clock: HandClock) -> AsyncIterator[Shop]:
    """On SQLite and on PostgreSQL, on the test's own clock."""
    async with shop_on(database, tmp_path / "data", clock) as open_shop:
        yield open_shop
