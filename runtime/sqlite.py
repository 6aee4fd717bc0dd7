"""The SQLite side of Database: reads inline on the loop, writes in groups."""

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.engine import URL

from runtime.group_commit import GroupWriter
from runtime.sqlite_connection import (
    OpenedFile,
    connect,
    create_private,
    driver,
    raise_translated,
    translated,
)


class SqliteDatabase:
    """A database file: one connection to read, one to write, both of one event loop."""

    dialect = "sqlite"

    def __init__(self, file: OpenedFile, reader: Connection, writer: GroupWriter) -> None:
        self._file = file
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
            file = OpenedFile(path)
        writer = GroupWriter(
            writing, file, busy_timeout=busy_timeout, max_waiting=max_waiting_writes
        )
        return cls(file, reading, writer)

    async def read[T](self, work: Callable[[Connection], T], *, snapshot: bool = True) -> T:
        """See Database.read."""
        # Not `with translated()`: every frame counts here, where most RPCs spend their time.
        try:
            return work(self._reader) if not snapshot else self._read_snapshot(work)
        except Exception as error:  # noqa: BLE001  (all of them are raised on)
            raise_translated(error)

    def _read_snapshot[T](self, work: Callable[[Connection], T]) -> T:
        self._control("BEGIN")
        try:
            return work(self._reader)
        finally:
            self._control("COMMIT")

    async def write[T](self, work: Callable[[Connection], T]) -> T:
        """See Database.write."""
        return await self._writer.submit(work)

    async def check(self) -> None:
        """See Database.check."""
        with translated():
            self._file.require()
        await self.read(_ask, snapshot=False)

    async def close(self) -> None:
        """See Database.close."""
        await self._writer.close()
        driver(self._reader).close()


def _ask(connection: Connection) -> None:
    # A bare SELECT 1 would not look at the file.
    connection.exec_driver_sql("SELECT count(*) FROM sqlite_schema").scalar_one()
