"""One interface over the two databases: a store's synchronous Core code, run right on each."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from sqlalchemy import Connection, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError

from runtime import errors
from runtime.reason import Reason
from runtime.sqlite import SqliteDatabase


class Database(Protocol):
    """Runs a store's functions over a Connection, with the same contract on both databases.

    A work is a plain function of a Connection. It returns data, never a cursor, and neither commits
    nor rolls back: what it raises undoes its own writes and reaches the caller unchanged. A
    savepoint of its own (`connection.begin_nested()`) is fine. A database that is away, locked or
    full is `errors.Unavailable`, with nothing half done; only a connection to PostgreSQL that is
    lost during the COMMIT itself leaves unknown whether all of it was done.
    """

    @property
    def dialect(self) -> str:
        """Either "sqlite" or "postgresql"."""
        ...

    async def read[T](self, work: Callable[[Connection], T], *, snapshot: bool = True) -> T:
        """Run the work's selects on one snapshot of what is committed.

        `snapshot=False` is for a work of one select, which sees one anyway: PostgreSQL then needs
        one round trip instead of three. On SQLite a read runs on the event loop, so it takes a
        page of rows and not a table.
        """
        ...

    async def write[T](self, work: Callable[[Connection], T]) -> T:
        """Run the work as one transaction, and return only when it is durable.

        Works run one after the other on SQLite, and as READ COMMITTED on PostgreSQL, so each
        statement must be right under concurrency. On SQLite too a work runs on the event loop: a
        chunk of rows at a time. Too many waiting is `errors.ResourceExhausted`. A caller that is
        cancelled before its work starts has it dropped; later, it may be committed.
        """
        ...

    async def check(self) -> None:
        """Ask the database something; raise `errors.Unavailable` when it does not answer."""
        ...

    async def close(self) -> None:
        """Finish the writes accepted so far, then let go of the database."""
        ...


def parse_url(url: str) -> URL:
    """Return the parsed URL of a database; raise ValueError with the rule that it breaks."""
    try:
        parsed = make_url(url)
    except ArgumentError, ValueError:
        # make_url's own text repeats the URL or a part of it, and with it a password.
        raise ValueError(
            "is not a URL of the form sqlite:///PATH or postgresql://HOST/DB"
        ) from None
    match parsed.drivername:
        case "sqlite":
            return _checked_sqlite(parsed)
        case "postgresql" | "postgres":
            return parsed.set(drivername="postgresql")
        case _:
            raise ValueError("must start with sqlite:/// or postgresql://")


def _checked_sqlite(url: URL) -> URL:
    if url.host or url.query:
        raise ValueError("needs three slashes before the path, and no parameters: sqlite:///PATH")
    if not url.database or url.database == ":memory:":
        raise ValueError("needs a file: a database in memory is lost with the process")
    return url


async def open_database(
    url: str,
    *,
    busy_timeout: float = 5.0,
    max_waiting_writes: int = 4096,
    pool_size: int = 8,
    pool_timeout: float = 5.0,
) -> Database:
    """Open the database that a URL names.

    `busy_timeout` (seconds another process may hold SQLite's lock) and `max_waiting_writes` are
    SQLite's; `pool_size` and `pool_timeout` (seconds to wait for one of those connections) are
    PostgreSQL's. A bad URL is a ValueError; no database, Unavailable.
    """
    parsed = parse_url(url)
    with opening():
        if parsed.drivername == "sqlite":
            return SqliteDatabase.open(
                parsed, busy_timeout=busy_timeout, max_waiting_writes=max_waiting_writes
            )
        # asyncpg and SQLAlchemy's asyncio take 13 MB: only those pay who use PostgreSQL.
        from runtime.postgres import PostgresDatabase  # noqa: PLC0415

        return await PostgresDatabase.open(parsed, pool_size=pool_size, pool_timeout=pool_timeout)


@contextmanager
def opening() -> Iterator[None]:
    """Raise Unavailable, in the driver's own words, where a database cannot be opened.

    Those words are for whoever starts the program; its clients never hear them.
    """
    try:
        yield
    except (errors.Unavailable, DBAPIError) as error:
        message = f"cannot be opened: {_driver_words(error)}"
        raise errors.Unavailable(message, reason=Reason.DATABASE_AWAY) from error


def _driver_words(error: BaseException) -> str:
    """Return the first line of what began it; the later lines are SQL and hints."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).partition("\n")[0] or type(error).__name__
