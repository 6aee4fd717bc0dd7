"""A table for the tests of the databases, and what they do with it."""

import asyncio
from collections.abc import Callable, Iterable
from threading import Thread

from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, func, insert, select

from runtime.database import Database, open_database
from runtime.testing.waiting import PATIENCE_SECONDS

METADATA = MetaData()
THINGS = Table(
    "things",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
)


def add(connection: Connection, names: Iterable[str]) -> int:
    """Insert the names; return how many there are then."""
    connection.execute(insert(THINGS), [{"name": each} for each in names])
    return count(connection)


def count(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(THINGS)).scalar_one()


def names(connection: Connection) -> list[str]:
    return list(connection.scalars(select(THINGS.c.name).order_by(THINGS.c.name)))


async def create(database: Database) -> Database:
    await database.write(METADATA.create_all)
    return database


def write_from_another_loop(url: str, work: Callable[[Connection], object]) -> None:
    """Write as another process would, while this thread waits."""

    async def write() -> None:
        database = await open_database(url, busy_timeout=PATIENCE_SECONDS)
        await database.write(work)
        await database.close()

    thread = Thread(target=lambda: asyncio.run(write()))
    thread.start()
    thread.join()
