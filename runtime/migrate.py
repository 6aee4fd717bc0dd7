"""Brings a database's schema to what the code expects, or refuses to start on another.

A service's migrations are Alembic revision files in a package of their own (`product.migrations`),
in one line with no branches. They need neither an alembic.ini nor an env.py.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext, MigrationStep, RevisionStep
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL

from runtime.database import opening, parse_url
from runtime.logs import get_logger
from runtime.postgres import make_engine
from runtime.postgres import translated as postgres_translated
from runtime.sqlite_connection import connect, create_private, driver
from runtime.sqlite_connection import translated as sqlite_translated

_log = get_logger(__name__)

# How long a start waits for another process that is migrating the same file.
_LOCK_SECONDS = 60.0
# Any number that nobody else takes; the bytes spell "bodega".
_ADVISORY_LOCK = 0x626F64656761


class SchemaError(Exception):
    """The schema is not the one this code was written for, and what to do about it."""


class Migrations:
    """The revisions of one package, and the table where a database notes which it has."""

    def __init__(self, folder: Path, package: str) -> None:
        self._scripts = ScriptDirectory(folder, version_locations=[folder])
        self.head = _only_head(self._scripts, package)
        # A table for each service, so that two may share one PostgreSQL database.
        self._version_table = f"{package.split('.', maxsplit=1)[0]}_schema_version"

    def current(self, connection: Connection) -> str | None:
        """Return the database's revision, None for an empty one; refuse an unknown revision."""
        current = self._context(connection).get_current_revision()
        if current is not None:
            self._require_known(current)
        return current

    def upgrade(self, connection: Connection) -> None:
        """Run what is missing, in the transaction that the caller began and will commit."""
        current = self.current(connection)
        revisions = self._scripts.iterate_revisions(self.head, current or "base")
        steps = [
            MigrationStep.upgrade_from_script(self._scripts.revision_map, each)
            for each in reversed(list(revisions))
        ]
        context = self._context(connection, steps)
        with Operations.context(context):
            context.run_migrations()
        _log.info("schema migrated", before=current or "none", now=self.head)

    def require_head(self, connection: Connection) -> None:
        """Raise SchemaError unless the schema is the one the code expects."""
        current = self.current(connection)
        if current != self.head:
            raise SchemaError(
                f"the database is at schema revision {current or 'none'}, this program needs"
                f" {self.head}: start it once with --migrate"
            )

    def _context(
        self, connection: Connection, steps: list[RevisionStep] | None = None
    ) -> MigrationContext:
        return MigrationContext.configure(
            connection,
            opts={"version_table": self._version_table, "fn": lambda _heads, _context: steps or []},
        )

    def _require_known(self, revision: str) -> None:
        try:
            self._scripts.get_revision(revision)
        except CommandError:
            raise SchemaError(
                f"the database is at schema revision {revision}, which this program (up to"
                f" {self.head}) does not know: start a newer version of it"
            ) from None


def _only_head(scripts: ScriptDirectory, package: str) -> str:
    match scripts.get_heads():
        case []:
            raise SchemaError(f"{package} holds no migrations")
        case [head]:
            return head
        case heads:
            raise SchemaError(f"{package} must be one line of revisions; it ends in {heads}")


async def prepare(url: str, package: str, *, migrate: bool | None = None) -> None:
    """Make the schema right before a service opens its database.

    By default SQLite is migrated, and PostgreSQL only checked, because there replicas of the older
    version may still be serving. Raises SchemaError with what to do, and Unavailable.
    """
    parsed = parse_url(url)
    if migrate is None:
        migrate = parsed.drivername == "sqlite"
    with _migrations(package) as migrations, opening():
        if parsed.drivername == "sqlite":
            await asyncio.to_thread(
                _prepare_sqlite, Path(parsed.database or ""), migrations, migrate
            )
        else:
            await _prepare_postgres(parsed, migrations, migrate)


async def upgrade(url: str, package: str) -> None:
    """Bring the schema to the newest revision, whichever database it is."""
    await prepare(url, package, migrate=True)


@contextmanager
def _migrations(package: str) -> Iterator[Migrations]:
    with as_file(files(package)) as folder:
        yield Migrations(folder, package)


def _prepare_sqlite(path: Path, migrations: Migrations, migrate: bool) -> None:
    with sqlite_translated():
        create_private(path)
        connection = connect(path, busy_timeout=_LOCK_SECONDS, cache_kib=16384, read_only=False)
        control = driver(connection).execute
        try:
            if not migrate:
                migrations.require_head(connection)
            elif migrations.current(connection) != migrations.head:
                control("BEGIN IMMEDIATE")
                migrations.upgrade(connection)
                control("COMMIT")
        finally:
            driver(connection).close()  # Undoes what was begun and not committed.


async def _prepare_postgres(url: URL, migrations: Migrations, migrate: bool) -> None:
    engine = make_engine(url, pool_size=1, command_timeout=None)
    try:
        with postgres_translated():
            async with engine.begin() as connection:
                if not migrate:
                    await connection.run_sync(migrations.require_head)
                    return
                lock = text("SELECT pg_advisory_xact_lock(:key)")
                await connection.execute(lock, {"key": _ADVISORY_LOCK})
                await connection.run_sync(migrations.upgrade)
    finally:
        await engine.dispose()
