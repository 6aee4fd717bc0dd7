"""How both sides of SqliteDatabase open the file, and what its errors mean."""

import errno
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

from sqlalchemy import Connection, NullPool, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError

from runtime import errors
from runtime.reason import Reason

# What another process, a full disk or a failing device does to us. The rest is our own mistake.
_AWAY = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
}
# The file is not what SQLite has written. Until somebody restores it, nothing here can serve it.
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
CORRUPT = Reason.DATABASE_CORRUPT
_DRIVER = "bodega_driver"
_RETRY_AFTER = timedelta(seconds=1)


def translate(error: BaseException) -> BaseException:
    """Return Unavailable for what the caller may try again, and any other error as it is."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    # The low byte is the primary code; errors of the sqlite3 module itself carry none.
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    if code in _CORRUPT:
        message, reason = "the database is damaged", CORRUPT
    elif code in _AWAY or isinstance(cause, OSError):
        message, reason = "the database is locked, full or away", Reason.DATABASE_AWAY
    else:
        return error
    away = errors.Unavailable(message, reason=reason, retry_after=_RETRY_AFTER)
    away.__cause__ = error
    return away


def raise_translated(error: Exception) -> NoReturn:
    """Raise an error that was caught, or Unavailable in its place."""
    better = translate(error)
    if better is error:
        raise error
    raise better from error


@contextmanager
def translated() -> Iterator[None]:
    """Raise Unavailable in place of the errors that mean it."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  (all of them are raised on)
        raise_translated(error)


def create_private(path: Path) -> None:
    """Create the file with mode 0600 in a folder of mode 0700; leave alone what exists."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        # O_EXCL, because closing a descriptor of a file drops every lock SQLite holds on it.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return


class OpenedFile:
    """The file that a path named when it was opened.

    SQLite writes on into a file that was deleted or replaced, and all of that ends with the
    process.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identity = self._identity_now()

    def require(self) -> None:
        """Raise OSError where the path names no file any more, or another one."""
        if self._identity_now() != self._identity:
            raise FileNotFoundError(errno.ENOENT, "another file took its place", str(self._path))

    def _identity_now(self) -> tuple[int, int]:
        status = self._path.stat()
        return status.st_dev, status.st_ino


def connect(path: Path, *, busy_timeout: float, cache_kib: int, read_only: bool) -> Connection:
    """Open a connection in autocommit mode and keep it checked out; BEGIN and COMMIT are ours.

    A checkout, SQLAlchemy's begin and its rollback would cost more than the select itself.
    """
    engine = create_engine(
        "sqlite://",
        hide_parameters=True,  # An error is logged, and what was to be stored may be a secret.
        creator=lambda: sqlite3.connect(
            path, timeout=busy_timeout, isolation_level=None, check_same_thread=False
        ),
        poolclass=NullPool,
        pool_reset_on_return=None,
        isolation_level="AUTOCOMMIT",
    )
    connection = engine.connect()
    connection = connection.execution_options(**{_DRIVER: connection.connection.driver_connection})
    _write_ahead(connection, busy_timeout)
    for pragma in (
        "synchronous = FULL",
        # At its default of 1000 pages an import would copy nearly the same pages of the indexes
        # into the file with every second or third commit; this is a log of 16 MB.
        "wal_autocheckpoint = 4000",
        "foreign_keys = ON",
        f"cache_size = -{cache_kib}",
        f"query_only = {int(read_only)}",
    ):
        connection.exec_driver_sql(f"PRAGMA {pragma}").close()
    event.listen(engine, "commit", _refuse_transaction_control)
    event.listen(engine, "rollback", _refuse_transaction_control)
    return connection


def _write_ahead(connection: Connection, busy_timeout: float) -> None:
    """Turn the write-ahead log on; of several that make a file at once, one after the other.

    The pragma reads and then wants to write. SQLite makes nobody wait who holds a lock already,
    since two that did so would wait for each other: it says that the file is busy, and at once.
    """
    control, end = driver(connection).execute, time.monotonic() + busy_timeout
    while True:
        try:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL").close()
        except OperationalError as error:
            if not _is_busy(error) or time.monotonic() > end:
                raise
        else:
            return
        # This waits until the other has done, for as long as the connection's timeout says.
        control("BEGIN IMMEDIATE").close()
        control("ROLLBACK").close()


def _is_busy(error: OperationalError) -> bool:
    code: int = getattr(error.orig, "sqlite_errorcode", 0)
    return code & 0xFF == sqlite3.SQLITE_BUSY


def driver(connection: Connection) -> sqlite3.Connection:
    """Return the driver's connection, for statements that SQLAlchemy must not see."""
    # SQLAlchemy's own way to it leads through four properties.
    raw: sqlite3.Connection = connection.get_execution_options()[_DRIVER]
    return raw


def _refuse_transaction_control(_connection: Connection) -> None:
    raise RuntimeError("a work neither commits nor rolls back: its Database does")
