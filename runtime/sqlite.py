"""The SQLite side of Database: reads inline on the loop, writes in groups."""

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from sqlalchemy import Connection
from sqlalchemy.engine import URL

from runtime.errors import Unavailable
from runtime.group_commit import GroupWriter
from runtime.sqlite_connection import (
    connect,
    create_private,
    driver,
    translate,
    translated,
)
from runtime.sqlite_inspection import Inspection


class SqliteDatabase:
    """A database file: one connection to read, one to write, both of one event loop."""

    dialect = "sqlite"

    def __init__(self, inspection: Inspection, reader: Connection, writer: GroupWriter) -> None:
        self._inspection = inspection
        self._reader = reader
        self._control = driver(reader).cursor().execute
        self._writer = writer

    @classmethod
    def open(cls, url: URL, *, busy_timeout: float, max_waiting_writes: int) -> SqliteDatabase:
        """Open the file, made where it is missing; raise Unavailable where that fails."""
        path = Path(url.database or "")
        with translated():
            create_private(path)
            writing = connect(path, busy_timeout=busy_timeout, cache_kib=32768, read_only=False)
            reading = connect(path, busy_timeout=busy_timeout, cache_kib=16384, read_only=True)
            inspection = Inspection(path)
        writer = GroupWriter(
            writing, inspection, busy_timeout=busy_timeout, max_waiting=max_waiting_writes
        )
        return cls(inspection, reading, writer)

    async def read[T](self, work: Callable[[Connection], T], *, snapshot: bool = True) -> T:
        """See Database.read."""
        # Not `with translated()`: every frame counts here, where most RPCs spend their time.
        try:
            return work(self._reader) if not snapshot else self._read_snapshot(work)
        except Exception as error:  # noqa: BLE001  (all of them are raised on)
            self._raise(error)

    def _raise(self, error: Exception) -> NoReturn:
        better = translate(error)
        self._inspection.note(better)
        if better is error:
            raise error
        raise better from error

    def _read_snapshot[T](self, work: Callable[[Connection], T]) -> T:
        self._control("BEGIN")
        try:
            return work(self._reader)
        finally:
            self._control("COMMIT")

    async def write[T](self, work: Callable[[Connection], T]) -> T:
        """See Database.write."""
        try:
            return await self._writer.submit(work)
        except Unavailable as error:
            self._inspection.note(error)
            raise

    async def check(self) -> None:
        """See Database.check."""
        if await self._inspection.look():
            # What either connection had read of the file as it was.
            await self.read(_forget, snapshot=False)
            await self.write(_forget)
        await self.read(_ask, snapshot=False)

    async def close(self) -> None:
        """See Database.close."""
        await self._writer.close()
        await self._inspection.close()
        driver(self._reader).close()


def _ask(connection: Connection) -> None:
    # A bare SELECT 1 would not look at the file.
    connection.exec_driver_sql("SELECT count(*) FROM sqlite_schema").scalar_one()


def _forget(connection: Connection) -> None:
    connection.exec_driver_sql("PRAGMA shrink_memory")
