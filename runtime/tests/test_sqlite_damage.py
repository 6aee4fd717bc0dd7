"""What becomes of a SQLite file that is damaged under a database that is open."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection
from structlog.testing import capture_logs

from runtime.database import Database, open_database, parse_url
from runtime.errors import Unavailable
from runtime.tests.things import add, create

ROWS = 500
PAGE = 4096


@pytest.fixture
def path(sqlite_url: str) -> Path:
    return Path(str(parse_url(sqlite_url).database))


@pytest.fixture
async def things(sqlite_url: str, path: Path) -> AsyncIterator[Database]:
    """All of it in the file itself, and none in the log beside it."""
    database = await create(await open_database(sqlite_url))
    await database.write(partial(add, names=[f"{n}" * 100 for n in range(ROWS)]))
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
    await database.check()
    yield database
    await database.close()


def overwrite(path: Path, start: int, size: int) -> bytes:
    """Write garbage in place, as a failing disk does; return what was there."""
    with path.open("r+b") as file:
        file.seek(start)
        before = file.read(size)
        file.seek(start)
        file.write(b"\xa5" * len(before))
    return before


def middle_of(path: Path) -> tuple[int, int]:
    """Return where some pages lie, the table's and its index's, and their size."""
    return path.stat().st_size // PAGE // 2 * PAGE, 8 * PAGE


def restore(path: Path, start: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(content)


def all_garbage(path: Path) -> None:
    overwrite(path, 0, path.stat().st_size)


def headless(path: Path) -> None:
    overwrite(path, 0, 16)


def tables_gone(path: Path) -> None:
    overwrite(path, PAGE, path.stat().st_size)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


@pytest.mark.parametrize("damage", [all_garbage, headless, tables_gone, emptied])
async def test_a_file_that_is_damaged_fails_the_check(
    things: Database, path: Path, damage: Callable[[Path], None]
) -> None:
    damage(path)
    with pytest.raises(Unavailable) as failed:
        await things.check()
    assert failed.value.reason == "DATABASE_CORRUPT"


async def test_a_damaged_page_is_unavailable_and_fails_the_check_until_it_is_whole(
    sqlite_url: str, things: Database, path: Path
) -> None:
    await things.close()
    database = await open_database(sqlite_url)  # With none of the pages in memory.
    middle, size = middle_of(path)
    content = overwrite(path, middle, size)
    await database.check()
    with capture_logs() as events:
        for _ in range(2):
            with pytest.raises(Unavailable) as failed:
                await database.read(_all)
            assert failed.value.reason == "DATABASE_CORRUPT"
        for _ in range(2):
            with pytest.raises(Unavailable):
                await database.check()
    assert [each["event"] for each in events] == ["database is damaged"]
    restore(path, middle, content)
    with capture_logs() as events:
        await database.check()
    assert [each["event"] for each in events] == ["database is whole again"]
    assert len(await database.read(_all)) == ROWS
    await database.close()


async def test_a_write_that_meets_a_damaged_page_fails_the_check(
    sqlite_url: str, things: Database, path: Path
) -> None:
    await things.close()
    database = await open_database(sqlite_url)
    overwrite(path, *middle_of(path))
    with pytest.raises(Unavailable) as failed:
        await database.write(_all)
    assert failed.value.reason == "DATABASE_CORRUPT"
    with pytest.raises(Unavailable):
        await database.check()
    await database.close()


async def test_closing_does_not_wait_for_a_look_at_the_whole_file(
    sqlite_url: str, things: Database, path: Path
) -> None:
    await things.close()
    database = await open_database(sqlite_url)
    overwrite(path, *middle_of(path))
    with pytest.raises(Unavailable):
        await database.read(_all)
    look = asyncio.create_task(database.check())
    await asyncio.sleep(0)  # Lets it begin.
    look.cancel()
    await database.close()
    with pytest.raises(asyncio.CancelledError):
        await look


def _all(connection: Connection) -> list[str]:
    return list(connection.exec_driver_sql("SELECT name FROM things ORDER BY id").scalars())
