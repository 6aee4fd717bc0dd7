"""Brings a database's schema to what the code expects, or refuses to start on another.

A service's migrations are Alembic revision files in a package of their own (`product.migrations`),
in one line with no branches. They need neither an alembic.ini nor an env.py.
"""

import asyncio
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.engine import URL

from runtime.database import opening, parse_url
from runtime.schema import SchemaError, is_current
from runtime.sqlite_connection import connect, create_private, driver
from runtime.sqlite_connection import translated as sqlite_translated

__all__ = ["SchemaError", "prepare", "upgrade"]

# How long a start waits for another process that is migrating the same file.
_LOCK_SECONDS = 60.0
# Any number that nobody else takes; the bytes spell "bodega".
_ADVISORY_LOCK = 0x626F64656761


async def prepare(url: str, package: str, *, migrate: bool | None = None) -> None:
    """Make the schema right before a service opens its database.

    By default SQLite is migrated, and PostgreSQL only checked, because there replicas of the older
    version may still be serving. Raises SchemaError with what to do, and Unavailable.
    """
    parsed = parse_url(url)
    if migrate is None:
        migrate = parsed.drivername == "sqlite"
    with opening():
        if parsed.drivername == "sqlite":
            await asyncio.to_thread(_prepare_sqlite, Path(parsed.database or ""), package, migrate)
        else:
            await _prepare_postgres(parsed, package, migrate)


async def upgrade(url: str, package: str) -> None:
    """Bring the schema to the newest revision, whichever database it is."""
    await prepare(url, package, migrate=True)


def _prepare_sqlite(path: Path, package: str, migrate: bool) -> None:
    with sqlite_translated():
        create_private(path)
        connection = connect(path, busy_timeout=_LOCK_SECONDS, cache_kib=16384, read_only=False)
        control = driver(connection).execute
        try:
            if is_current(connection, package):
                return
            if migrate:
                control("BEGIN IMMEDIATE")
            _make_right(connection, package, migrate)
            if migrate:
                control("COMMIT")
        finally:
            driver(connection).close()  # Undoes what was begun and not committed.


async def _prepare_postgres(url: URL, package: str, migrate: bool) -> None:
    from runtime.postgres import make_engine, translated  # noqa: PLC0415 (see open_database)

    engine = make_engine(url, pool_size=1, command_timeout=None)
    try:
        with translated():
            async with engine.begin() as connection:
                if await connection.run_sync(is_current, package):
                    return
                if migrate:
                    lock = text("SELECT pg_advisory_xact_lock(:key)")
                    await connection.execute(lock, {"key": _ADVISORY_LOCK})
                await connection.run_sync(_make_right, package, migrate)
    finally:
        await engine.dispose()


def _make_right(connection: Connection, package: str, migrate: bool) -> None:
    """Run what is missing, within the transaction that the caller holds; or say what is."""
    from runtime.migrations import migrations  # noqa: PLC0415 (see runtime.schema)

    with migrations(package) as found:
        if migrate:
            found.upgrade(connection)
        else:
            found.require_head(connection)
