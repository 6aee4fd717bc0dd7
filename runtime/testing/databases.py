"""Fixtures over real databases, for `pytest_plugins = ["runtime.testing.databases"]`.

- `database_url`: an empty database; the test runs once on SQLite and once on PostgreSQL.
- `sqlite_url`, `postgres_url`: an empty database of that kind alone.
- `database`: `database_url` opened, with the schema of the fixture `migrations`, which a
  service's conftest.py defines to return the name of its package ("product.migrations").
- `own_postgres_server`: a server of the test's own, which it may stop.
"""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from runtime.database import Database, open_database, parse_url
from runtime.migrate import upgrade
from runtime.testing.postgres_server import PostgresServer
from runtime.testing.waiting import PATIENCE_SECONDS

_URL_FIXTURES = {"sqlite": "sqlite_url", "postgresql": "postgres_url"}


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Run one PostgreSQL for all tests of the process, started when the first asks for it."""
    with PostgresServer.temporary() as server:
        yield server


@pytest.fixture
def own_postgres_server() -> Iterator[PostgresServer]:
    """Run a PostgreSQL for this test alone, which may stop it."""
    with PostgresServer.temporary() as server:
        yield server


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Name a SQLite file that does not exist yet, nor does its folder."""
    return f"sqlite:///{tmp_path}/data/test.db"


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> str:
    """Make an empty PostgreSQL database."""
    return postgres_server.create_database()


@pytest.fixture(params=sorted(_URL_FIXTURES))
def database_url(request: pytest.FixtureRequest) -> str:
    """Name an empty database of either kind; the test runs once on each."""
    return str(request.getfixturevalue(_URL_FIXTURES[request.param]))


@pytest.fixture
def migrations() -> str | None:
    """Name the package whose schema `database` gets; None leaves it empty."""
    return None


class Migrated:
    """Fills databases with a schema, which is migrated once and copied from then on."""

    def __init__(self, request: pytest.FixtureRequest, folder: Path) -> None:
        self._request = request
        self._folder = folder
        self._originals: dict[tuple[str, str], str] = {}

    async def fill(self, url: str, migrations: str) -> None:
        """Give an empty database the schema."""
        kind = parse_url(url).drivername
        original = self._originals.get((kind, migrations))
        if original is None:
            original = self._empty(kind, migrations)
            await upgrade(original, migrations)
            self._originals[kind, migrations] = original
        if kind == "postgresql":
            self._server().copy_database(original, url)
        else:
            _copy_file(original, url)

    def _empty(self, kind: str, migrations: str) -> str:
        if kind == "postgresql":
            return self._server().create_database()
        return f"sqlite:///{self._folder}/{migrations}.db"

    def _server(self) -> PostgresServer:
        """Return the server, which is there: a test that needs none starts none."""
        server: PostgresServer = self._request.getfixturevalue("postgres_server")
        return server


def _copy_file(source: str, target: str) -> None:
    path = Path(parse_url(target).database or "")
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(parse_url(source).database or "", path)


@pytest.fixture(scope="session")
def migrated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Migrated:
    """Fill databases with a schema."""
    return Migrated(request, tmp_path_factory.mktemp("migrated"))


async def open_patiently(url: str) -> Database:
    """Open a database whose locks and connections are waited for, however busy the machine."""
    return await open_database(url, busy_timeout=PATIENCE_SECONDS, pool_timeout=PATIENCE_SECONDS)


@pytest.fixture
async def database(
    database_url: str, migrations: str | None, migrated: Migrated
) -> AsyncIterator[Database]:
    """Open a database of either kind, closed after the test."""
    if migrations is not None:
        await migrated.fill(database_url, migrations)
    opened = await open_patiently(database_url)
    yield opened
    await opened.close()
