"""What PostgreSQL alone must get right: a server that goes away and comes back."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.util import await_

from runtime.database import Database, open_database, parse_url
from runtime.errors import ResourceExhausted, Unavailable
from runtime.postgres import PostgresDatabase
from runtime.testing.postgres_server import PostgresServer
from runtime.tests.things import THINGS, add, count, create, names


@pytest.fixture
def url(own_postgres_server: PostgresServer) -> str:
    return own_postgres_server.create_database()


@pytest.fixture
async def things(url: str) -> AsyncIterator[Database]:
    database = await create(await open_database(url))
    yield database
    await database.close()


@pytest.mark.parametrize("crash", [False, True])
async def test_a_server_that_is_away_is_unavailable_until_it_is_back(
    things: Database, own_postgres_server: PostgresServer, crash: bool
) -> None:
    await asyncio.gather(*(things.write(partial(add, names=[f"{n}"])) for n in range(8)))
    own_postgres_server.stop(crash=crash)
    for attempt in (things.check, partial(things.read, count), partial(things.write, count)):
        with pytest.raises(Unavailable):
            await attempt()
    own_postgres_server.start()
    await things.check()
    assert await things.read(count) == 8
    assert await things.write(partial(add, names=["after"])) == 9


async def test_connections_that_died_unnoticed_fail_nobody(
    things: Database, own_postgres_server: PostgresServer
) -> None:
    await asyncio.gather(*(things.write(partial(add, names=[f"{n}"])) for n in range(8)))
    # On a thread, because the loop hears of each connection's end as it would in a service.
    await asyncio.to_thread(own_postgres_server.stop)
    await asyncio.to_thread(own_postgres_server.start)
    counts = await asyncio.gather(*(things.read(count) for _ in range(8)))
    assert counts == [8] * 8


async def test_a_server_that_became_a_standby_is_unavailable_for_writes(things: Database) -> None:
    await things.write(partial(set_read_only, on=True))
    with pytest.raises(Unavailable):
        await things.write(partial(add, names=["refused"]))
    assert await things.read(count) == 0
    await things.write(partial(set_read_only, on=False))
    assert await things.write(partial(add, names=["kept"])) == 1


def set_read_only(connection: Connection, *, on: bool) -> None:
    state = "on" if on else "off"
    connection.exec_driver_sql(
        f"SET SESSION CHARACTERISTICS AS TRANSACTION READ {'ONLY' if on else 'WRITE'}"
    )
    assert connection.exec_driver_sql("SHOW default_transaction_read_only").scalar_one() == state


async def test_connections_to_a_primary_that_was_demoted_are_not_used_again(
    things: Database, url: str
) -> None:
    # Each session begins read-only and stays so, as one to the old primary does after a failover.
    await things.write(partial(set_sessions_read_only, on=True))
    database = await open_database(url)
    await asyncio.gather(*(database.read(count) for _ in range(8)))
    with pytest.raises(Unavailable) as refused:
        await database.write(partial(add, names=["refused"]))
    assert refused.value.retry_after
    assert REGISTRY.get_sample_value("bodega_database_writable") == 0
    await things.write(partial(set_sessions_read_only, on=False))
    # New sessions lead to the new primary, and no old one is left to take a write.
    await asyncio.gather(*(database.write(partial(add, names=[f"{n}"])) for n in range(8)))
    assert await database.read(count) == 8
    assert REGISTRY.get_sample_value("bodega_database_writable") == 1
    await database.close()


def set_sessions_read_only(connection: Connection, *, on: bool) -> None:
    connection.exec_driver_sql(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = "
        f"{'on' if on else 'off'}', current_database()); END $$"
    )


async def test_a_read_that_writes_is_our_own_mistake(things: Database) -> None:
    with pytest.raises(DBAPIError) as refused:
        await things.read(partial(add, names=["x"]))
    assert not refused.value.connection_invalidated


async def test_a_write_that_loses_its_server_is_unavailable_and_undone(
    things: Database, own_postgres_server: PostgresServer
) -> None:
    def work(connection: Connection) -> None:
        add(connection, ["lost"])
        own_postgres_server.stop(crash=True)
        count(connection)

    with pytest.raises(Unavailable):
        await things.write(work)
    own_postgres_server.start()
    assert await things.read(names) == []


async def test_a_write_cancelled_midway_is_undone_and_leaves_the_pool_whole(
    postgres_url: str,
) -> None:
    database = await create(await open_database(postgres_url, pool_size=1))

    def work(connection: Connection) -> None:
        add(connection, ["cancelled"])
        connection.exec_driver_sql("SELECT pg_sleep(60)")

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await database.write(work)
    assert await database.write(partial(add, names=["next"])) == 1
    assert await database.read(names) == ["next"]
    await database.close()


async def test_a_deadlock_is_unavailable_for_one_of_the_two(postgres_url: str) -> None:
    database = await create(await open_database(postgres_url))
    await database.write(partial(add, names=["a", "b"]))
    both_hold_one = asyncio.Barrier(2)

    def work(connection: Connection, first: str, second: str) -> None:
        connection.exec_driver_sql("SET LOCAL deadlock_timeout = '20ms'")
        lock(connection, first)
        await_(both_hold_one.wait())
        lock(connection, second)

    outcomes = await asyncio.gather(
        database.write(partial(work, first="a", second="b")),
        database.write(partial(work, first="b", second="a")),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in outcomes) == ["NoneType", "Unavailable"]
    await database.close()


def lock(connection: Connection, name: str) -> None:
    connection.execute(select(THINGS.c.id).where(THINGS.c.name == name).with_for_update())


async def test_parameters_that_libpq_knows_are_understood(postgres_url: str) -> None:
    url = f"{postgres_url}&sslmode=prefer&application_name=catalogue"
    database = await open_database(url)
    assert await database.read(_application_name) == "catalogue"
    await database.close()


def _application_name(connection: Connection) -> str:
    name: str = connection.exec_driver_sql("SHOW application_name").scalar_one()
    return name


async def test_a_pool_that_is_all_in_use_is_exhausted(postgres_url: str) -> None:
    database = await PostgresDatabase.open(parse_url(postgres_url), pool_size=1, pool_timeout=0.05)
    started, go_on = asyncio.Event(), asyncio.Event()

    def work(_connection: Connection) -> None:
        started.set()
        await_(go_on.wait())

    slow = asyncio.create_task(database.write(work))
    await started.wait()
    with pytest.raises(ResourceExhausted):
        await database.check()
    go_on.set()
    await slow
    await database.check()
    await database.close()


async def test_close_waits_for_the_writes_that_run(postgres_url: str) -> None:
    database = await create(await open_database(postgres_url))
    started, go_on = asyncio.Event(), asyncio.Event()

    def work(connection: Connection) -> int:
        started.set()
        await_(go_on.wait())
        return add(connection, ["a"])

    write = asyncio.create_task(database.write(work))
    await started.wait()
    closing = asyncio.create_task(database.close())
    asyncio.get_running_loop().call_soon(go_on.set)
    await closing
    assert await write == 1


async def test_no_server_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        await open_database(f"postgresql://test@/test?host={tmp_path}")


async def test_a_database_that_does_not_exist_is_said(postgres_url: str) -> None:
    missing = parse_url(postgres_url).set(database="missing")
    with pytest.raises(Unavailable, match=r'^cannot be opened: database "missing" does not exist$'):
        await open_database(missing.render_as_string())


async def test_a_parameter_that_makes_no_sense_is_said(postgres_url: str) -> None:
    with pytest.raises(Unavailable, match="cannot be opened: `sslmode` parameter must be one of"):
        await open_database(f"{postgres_url}&sslmode=perhaps")
