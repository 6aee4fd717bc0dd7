from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from identity.conformance.tests.browser import Browser
from identity.conformance.tests.provider import Provider, provider_on
from identity.conformance.tests.relying_party import Flow
from identity.tests.times import HandClock
from runtime.clock import now_micros
from runtime.database import Database, open_database
from runtime.migrate import upgrade

pytest_plugins = ["runtime.testing.databases"]


@pytest.fixture
def clock() -> HandClock:
    """Begin now: what others sign for the server has its times by the machine's clock."""
    clock = HandClock()
    clock.now = now_micros()
    return clock


@pytest.fixture
async def sqlite(sqlite_url: str) -> AsyncIterator[Database]:
    """The stores' own tests run on both databases; for what is asked here, one will do."""
    await upgrade(sqlite_url, "identity.migrations")
    opened = await open_database(sqlite_url)
    yield opened
    await opened.close()


@pytest.fixture
async def provider(sqlite: Database, tmp_path: Path, clock: HandClock) -> AsyncIterator[Provider]:
    async with provider_on(sqlite, tmp_path / "data", clock, refresh_grace="0s") as serving:
        yield serving


@pytest.fixture
async def browser(provider: Provider) -> AsyncIterator[Browser]:
    async with Browser(provider.issuer) as fresh:
        yield fresh


@pytest.fixture
def flow(provider: Provider) -> Flow:
    return Flow(provider)
