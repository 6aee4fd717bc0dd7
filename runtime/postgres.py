"""The PostgreSQL side of Database: a pool of asyncpg connections under an AsyncEngine."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import URL, ExceptionContext
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from runtime import errors
from runtime.reason import Reason
from runtime.write_outage import WriteOutage

# A write met a standby: the server was demoted, or the name leads to another one now.
_READ_ONLY = "25006"
# SQLSTATE classes and codes (PostgreSQL, appendix A) after which the same request may succeed.
_AWAY_CLASSES = ("08", "53", "57P")
_AWAY_CODES = ("40001", "40P01", "55P03", "57014")
_RETRY_AFTER = timedelta(seconds=1)


def translate(error: Exception) -> Exception:
    """Return Unavailable for what the caller may try again, and any other error as it is."""
    if isinstance(error, PoolTimeoutError):
        return errors.ResourceExhausted(
            "all database connections are busy",
            reason=Reason.TOO_MANY_QUERIES,
            retry_after=_RETRY_AFTER,
        )
    if not _is_away(error):
        return error
    return errors.Unavailable(
        "the database is away or overloaded", reason=Reason.DATABASE_AWAY, retry_after=_RETRY_AFTER
    )


def _is_away(error: Exception) -> bool:
    # OSError and TimeoutError come from connecting and from asyncpg's own time limits.
    if isinstance(error, (OSError, TimeoutError)):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    cause = error.orig if isinstance(error, DBAPIError) else error
    sqlstate = getattr(cause, "sqlstate", None) or ""
    return sqlstate.startswith(_AWAY_CLASSES) or sqlstate in _AWAY_CODES


@contextmanager
def translated() -> Iterator[None]:
    """Raise a domain error in place of those that mean one."""
    try:
        yield
    except Exception as error:
        better = translate(error)
        if better is error:
            raise
        raise better from error


def _give_up_demoted(context: ExceptionContext) -> None:
    """Make the pool replace its connections once a write is refused as read-only.

    They lead to what was the primary, which may live on as a standby for ever. A read that writes
    is refused too, and is our own mistake.
    """
    connection = context.connection
    if connection is None or connection.get_execution_options().get("postgresql_readonly"):
        return
    if getattr(context.original_exception, "sqlstate", None) == _READ_ONLY:
        context.is_disconnect = True


def _refuse_dead(connection: Any, _record: Any, _proxy: Any) -> None:
    """Make the pool replace a connection whose socket is gone, with no round trip to ask."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def make_engine(
    url: URL, *, pool_size: int, pool_timeout: float = 5, command_timeout: float | None = 60
) -> AsyncEngine:
    """Return an engine on asyncpg; it connects when it is first used."""
    engine = create_async_engine(
        "postgresql+asyncpg://",
        hide_parameters=True,  # An error is logged, and what was to be stored may be a secret.
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=pool_timeout,
        pool_use_lifo=True,
        connect_args={
            # asyncpg reads the URL itself, because it knows all of libpq's parameters (sslmode, …).
            "dsn": url.render_as_string(hide_password=False),
            "timeout": 10,
            "command_timeout": command_timeout,
        },
    )
    event.listen(engine.sync_engine, "checkout", _refuse_dead)
    event.listen(engine.sync_engine, "handle_error", _give_up_demoted)
    return engine


class PostgresDatabase:
    """A PostgreSQL database, reached through a pool of connections."""

    dialect = "postgresql"

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._snapshots = engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        self._selects = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._outage = WriteOutage()
        self._writing = 0
        self._idle = asyncio.Event()
        self._closing = False

    @classmethod
    async def open(cls, url: URL, *, pool_size: int, pool_timeout: float = 5) -> PostgresDatabase:
        """Connect, so that a wrong name or password is known now."""
        database = cls(make_engine(url, pool_size=pool_size, pool_timeout=pool_timeout))
        try:
            await database.check()
        except BaseException:
            await database.close()
            raise
        return database

    async def read[T](self, work: Callable[[Connection], T], *, snapshot: bool = True) -> T:
        """See Database.read."""
        engine = self._snapshots if snapshot else self._selects
        with translated():
            async with engine.connect() as connection:
                return await connection.run_sync(work)

    async def write[T](self, work: Callable[[Connection], T]) -> T:
        """See Database.write."""
        if self._closing:
            raise errors.Unavailable("the database is closing", reason=Reason.DATABASE_CLOSING)
        self._writing += 1
        try:
            with translated():
                async with self._engine.begin() as connection:
                    result = await connection.run_sync(work)
        except errors.Unavailable as error:
            self._outage.failed(error)
            raise
        else:
            self._outage.succeeded()
            return result
        finally:
            self._writing -= 1
            self._idle.set()

    async def check(self) -> None:
        """See Database.check."""
        await self.read(_ask, snapshot=False)

    async def close(self) -> None:
        """See Database.close."""
        self._closing = True
        while self._writing:
            self._idle.clear()
            await self._idle.wait()
        await self._engine.dispose()


def _ask(connection: Connection) -> None:
    connection.exec_driver_sql("SELECT 1").scalar_one()
