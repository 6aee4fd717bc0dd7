"""A SQLite file that several make at once."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext

from runtime.database import open_database, parse_url
from runtime.errors import Unavailable
from runtime.tests.things import count, create, write_from_another_loop


async def test_who_opens_a_new_file_waits_for_another_that_makes_it(sqlite_url: str) -> None:
    with made_by_another(sqlite_url) as other, on_failure(other.commit):
        database = await create(await open_database(sqlite_url))
    assert await database.read(count) == 0
    await database.close()


async def test_who_opens_a_new_file_does_not_wait_for_ever(sqlite_url: str) -> None:
    with made_by_another(sqlite_url), pytest.raises(Unavailable, match="database is locked"):
        await open_database(sqlite_url, busy_timeout=0.05)


@contextmanager
def made_by_another(url: str) -> Iterator[sqlite3.Connection]:
    """Hold the lock of a file that has nothing in it yet, not even its kind of journal."""
    path = Path(parse_url(url).database or "")
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


@contextmanager
def on_failure(act: Callable[[], object]) -> Iterator[None]:
    """Act when a statement of ours fails, before whoever sent it hears of it."""

    def note(_: ExceptionContext) -> None:
        act()

    event.listen(Engine, "handle_error", note)
    yield
    event.remove(Engine, "handle_error", note)


async def test_several_processes_may_make_the_file_at_once(sqlite_url: str) -> None:
    databases = [
        asyncio.to_thread(write_from_another_loop, sqlite_url, _create_if_missing) for _ in range(8)
    ]
    await asyncio.gather(*databases)
    database = await open_database(sqlite_url)
    assert await database.read(count) == 0
    await database.close()


def _create_if_missing(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS things (id INTEGER, name TEXT)")
