import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, insert, select

from runtime.database import Database

METADATA = MetaData()
THINGS = Table(
    "things",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
)


@pytest.fixture
async def things(database: Database) -> Database:
    await database.write(METADATA.create_all)
    return database


def names(connection: Connection) -> list[str]:
    return list(connection.scalars(select(THINGS.c.name).order_by(THINGS.c.id)))


async def add(database: Database, *new: str) -> None:
    await database.write(
        lambda connection: connection.execute(insert(THINGS), [{"name": each} for each in new])
    )


async def test_what_was_written_can_be_read(things: Database) -> None:
    await add(things, "a", "b")
    assert await things.read(names) == ["a", "b"]
