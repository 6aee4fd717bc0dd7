"""Whether a SQLite file is still whole, asked of the file and not of what memory holds of it."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from runtime.errors import Unavailable
from runtime.logs import get_logger
from runtime.sqlite_connection import CORRUPT, OpenedFile, translated

log = get_logger(__name__)


class Inspection:
    """Looks at an open file from time to time, and closely once something was wrong with it.

    A connection that is open answers out of its cache for as long as nobody writes, so each look
    opens the file anew. A look reads a page or two of each table, in 0.3 ms. Damage that a read
    or a write has met elsewhere is believed until SQLite has gone through the whole file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = OpenedFile(path)
        self._has_tables = False
        self._is_damaged = False
        self._closely: asyncio.Task[None] | None = None
        self._closing = False

    def require(self) -> None:
        """Raise OSError where the path names no file any more, or another one."""
        self._file.require()

    def note(self, error: BaseException) -> None:
        """Take note of how a read or a write failed."""
        if isinstance(error, Unavailable) and error.reason == CORRUPT and not self._is_damaged:
            self._is_damaged = True
            log.error("database is damaged", path=str(self._path), error=repr(error.__cause__))

    async def look(self) -> bool:
        """Raise Unavailable where the file is not whole; return whether it is so again.

        A close look goes on where its caller is cancelled, and the next one waits for it.
        """
        with self._noting(), translated():
            self.require()
            if not self._is_damaged:
                await asyncio.to_thread(self._glance)
                return False
            await self._look_closely()
        self._is_damaged = False
        log.info("database is whole again", path=str(self._path))
        return True

    async def _look_closely(self) -> None:
        if self._closely is None:
            self._closely = asyncio.create_task(asyncio.to_thread(self._examine))
        look = self._closely
        try:
            await asyncio.shield(look)
        finally:
            if look.done():
                self._closely = None

    async def close(self) -> None:
        """Break off a close look."""
        self._closing = True
        if self._closely is not None:
            await asyncio.gather(self._closely, return_exceptions=True)

    def _glance(self) -> None:
        with closing(self._open()) as file:
            tables = file.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
            if self._has_tables and not tables:
                raise _corrupt("its tables are gone")
            self._has_tables = bool(tables)
            for (name,) in tables:
                quoted = name.replace('"', '""')
                file.execute(f'SELECT * FROM "{quoted}" LIMIT 1').fetchall()  # noqa: S608  (quoted)

    def _examine(self) -> None:
        self._glance()
        with closing(self._open()) as file:
            file.set_progress_handler(lambda: self._closing, 10_000)
            (found,) = file.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise _corrupt(found)

    def _open(self) -> sqlite3.Connection:
        uri = f"{self._path.absolute().as_uri()}?mode=ro"
        return sqlite3.connect(uri, uri=True)

    @contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except Unavailable as error:
            self.note(error)
            raise


def _corrupt(what: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(what)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error
