"""The contract of Database, on both databases."""

import asyncio
from functools import partial

import pytest
from sqlalchemy import Connection, insert
from sqlalchemy.exc import DBAPIError, IntegrityError

from runtime.database import Database, open_database, parse_url
from runtime.errors import AlreadyExists, Unavailable
from runtime.reason import Reason
from runtime.tests.things import THINGS, add, count, create, names, write_from_another_loop


@pytest.fixture
async def things(database: Database) -> Database:
    return await create(database)


async def test_what_was_written_can_be_read(things: Database) -> None:
    await things.write(partial(add, names=["a", "b"]))
    assert await things.read(names) == ["a", "b"]
    assert await things.read(names, snapshot=False) == ["a", "b"]


async def test_the_dialect_is_the_one_of_the_url(database: Database, database_url: str) -> None:
    assert database.dialect == parse_url(database_url).drivername


async def test_a_write_returns_what_its_work_returns(things: Database) -> None:
    assert await things.write(partial(add, names=["a"])) == 1


async def test_what_a_work_raises_reaches_its_caller_and_undoes_it(things: Database) -> None:
    error = AlreadyExists("there is one", reason=Reason.SKU_TAKEN)

    def work(connection: Connection) -> None:
        add(connection, ["a"])
        raise error

    with pytest.raises(AlreadyExists) as caught:
        await things.write(work)
    assert caught.value is error
    assert await things.read(names) == []


async def test_a_work_that_fails_does_not_touch_its_neighbours(things: Database) -> None:
    works = [partial(add, names=[name]) for name in ("a", "b", "a", "c", "b", "d")]
    outcomes = await asyncio.gather(*map(things.write, works), return_exceptions=True)
    failed = [each for each in outcomes if isinstance(each, BaseException)]
    assert [type(each) for each in failed] == [IntegrityError, IntegrityError]
    assert await things.read(names) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("failing", range(3))
async def test_whichever_work_of_a_group_fails_it_is_undone_whole_and_alone(
    things: Database, failing: int
) -> None:
    # The bad one inserts a name, and then that name again.
    works = [partial(add, names=[f"{n}"] * (2 if n == failing else 1)) for n in range(3)]
    outcomes = await asyncio.gather(*map(things.write, works), return_exceptions=True)
    assert [isinstance(each, IntegrityError) for each in outcomes] == [
        n == failing for n in range(3)
    ]
    assert await things.read(names) == [f"{n}" for n in range(3) if n != failing]


async def test_many_writers_lose_nothing(things: Database) -> None:
    await asyncio.gather(*(things.write(partial(add, names=[f"{n:03}"])) for n in range(200)))
    assert await things.read(names) == [f"{n:03}" for n in range(200)]


async def test_a_work_may_have_a_savepoint_of_its_own(things: Database) -> None:
    def work(connection: Connection) -> int:
        add(connection, ["a"])
        with pytest.raises(IntegrityError), connection.begin_nested():
            add(connection, ["b", "a"])
        return add(connection, ["c"])

    assert await things.write(work) == 2
    assert await things.read(names) == ["a", "c"]


async def test_the_selects_of_a_read_see_one_state(things: Database, database_url: str) -> None:
    def work(connection: Connection) -> tuple[int, int]:
        before = count(connection)
        write_from_another_loop(database_url, partial(add, names=["a"]))
        return before, count(connection)

    assert await things.read(work) == (0, 0)
    assert await things.read(count) == 1


async def test_a_read_cannot_write(things: Database) -> None:
    with pytest.raises(DBAPIError, match=r"read-?only"):
        await things.read(partial(add, names=["a"]))
    assert await things.read(names) == []


async def test_a_read_that_failed_leaves_the_next_one_alone(things: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        await things.read(lambda connection: count(connection) // 0)
    assert await things.read(count) == 0


async def test_a_database_that_answers_is_healthy(database: Database) -> None:
    await database.check()


async def test_close_finishes_the_writes_accepted(things: Database, database_url: str) -> None:
    writes = [asyncio.create_task(things.write(partial(add, names=[f"{n}"]))) for n in range(50)]
    await writes[0]
    await things.close()
    await asyncio.gather(*writes)
    again = await open_database(database_url)
    assert await again.read(count) == 50
    await again.close()


async def test_a_write_after_close_is_unavailable(things: Database) -> None:
    await things.close()
    with pytest.raises(Unavailable):
        await things.write(partial(add, names=["a"]))


async def test_closing_twice_is_harmless(things: Database) -> None:
    await things.close()
    await things.close()


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("sqlite://data/x.db", "three slashes"),
        ("sqlite:///x.db?mode=ro", "no parameters"),
        ("mysql://user:hunter2@host/x", "must start with"),
        ("user:hunter2@host", "is not a URL"),
        ("postgresql://user:12@34:hunter2@host:x/db", "is not a URL"),
        ("", "is not a URL"),
    ],
)
async def test_a_url_that_breaks_a_rule_is_refused(url: str, rule: str) -> None:
    with pytest.raises(ValueError, match=rule) as caught:
        await open_database(url)
    assert "hunter2" not in str(caught.value)


async def test_an_error_does_not_show_what_was_to_be_stored(things: Database) -> None:
    with pytest.raises(IntegrityError) as caught:
        await things.write(lambda connection: connection.execute(insert(THINGS), {"id": 424242}))
    assert "424242" not in str(caught.value)
