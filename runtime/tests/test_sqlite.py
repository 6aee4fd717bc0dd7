"""What SQLite alone must get right: the file, its locks, its group commit."""

import asyncio
import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import IO

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import Connection
from sqlalchemy.exc import InvalidRequestError
from structlog.testing import capture_logs

from runtime import group_commit
from runtime.database import Database, open_database, parse_url
from runtime.errors import ResourceExhausted, Unavailable
from runtime.testing.databases import open_patiently
from runtime.tests.things import add, count, create, names

MIB = 2**20


@pytest.fixture
async def things(sqlite_url: str) -> AsyncIterator[Database]:
    database = await create(await open_database(sqlite_url, busy_timeout=0.05))
    yield database
    await database.close()


@pytest.fixture(autouse=True)
def _one_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no slow machine split the groups that the tests speak of."""
    monkeypatch.setattr(group_commit, "_MAX_GROUP_SECONDS", 60)


@pytest.fixture
def path(sqlite_url: str) -> Path:
    return Path(str(parse_url(sqlite_url).database))


@contextmanager
def locked(path: Path) -> Iterator[sqlite3.Connection]:
    """Hold SQLite's write lock, as another process does."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


@contextmanager
def file_size_limit(limit: int) -> Iterator[None]:
    """Let no file of this process grow beyond the limit, as on a full disk."""
    before, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, hard))


@contextmanager
def taken_away(path: Path, *, replaced: bool) -> Iterator[None]:
    """Move the file elsewhere for a while, as who restores a copy of it does."""
    moved = path.rename(path.with_name("moved.db"))
    if replaced:
        path.touch()
    yield
    moved.rename(path)


async def gather(database: Database, *works: partial[int]) -> list[int | BaseException]:
    return await asyncio.gather(*map(database.write, works), return_exceptions=True)


async def test_file_and_folder_are_their_owners_alone(things: Database, path: Path) -> None:
    await things.write(partial(add, names=["a"]))
    assert path.parent.stat().st_mode & 0o777 == 0o700
    files = sorted(path.parent.iterdir())
    assert [each.suffix for each in files] == [".db", ".db-shm", ".db-wal"]
    assert {each.stat().st_mode & 0o777 for each in files} == {0o600}


async def test_a_write_is_in_the_file_when_it_returns(things: Database, path: Path) -> None:
    await things.write(partial(add, names=["a"]))
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT name FROM things").fetchall() == [("a",)]
    settings = await things.write(_durability)
    assert settings == ("wal", 2)  # 2 is FULL


def _durability(connection: Connection) -> tuple[str, int]:
    return (
        connection.exec_driver_sql("PRAGMA journal_mode").scalar_one(),
        connection.exec_driver_sql("PRAGMA synchronous").scalar_one(),
    )


@pytest.mark.parametrize(("group_seconds", "pages"), [(60, range(1, 20)), (0, range(200, 2000))])
async def test_writes_that_wait_share_a_transaction_that_is_short(
    things: Database,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    group_seconds: float,
    pages: range,
) -> None:
    await things.write(partial(add, names=["first"]))
    wal = path.with_name(f"{path.name}-wal")
    before = size(wal)
    monkeypatch.setattr(group_commit, "_MAX_GROUP_SECONDS", group_seconds)
    await asyncio.gather(*(things.write(partial(add, names=[f"{n}"])) for n in range(100)))
    # A transaction writes each page it touched once: here a table's and an index's.
    assert (size(wal) - before) // 4096 in pages


async def test_a_lock_held_elsewhere_is_waited_for(sqlite_url: str, path: Path) -> None:
    database = await create(await open_patiently(sqlite_url))
    with locked(path) as other:
        write = asyncio.create_task(database.write(partial(add, names=["a"])))
        await asyncio.wait([write], timeout=0.1)
        assert not write.done()
        # The loop still serves reads.
        assert await database.read(count) == 0
        other.execute("ROLLBACK")
    assert await write == 1
    await database.close()


async def test_a_lock_held_for_too_long_is_unavailable(things: Database, path: Path) -> None:
    with locked(path):
        outcomes = await gather(things, *(partial(add, names=[f"{n}"]) for n in range(5)))
    assert [type(each) for each in outcomes] == [Unavailable] * 5
    assert await things.write(partial(add, names=["a"])) == 1


async def test_a_full_queue_refuses_the_next_write(sqlite_url: str, path: Path) -> None:
    database = await create(await open_database(sqlite_url, max_waiting_writes=10))
    outcomes = await gather(database, *(partial(add, names=[f"{n}"]) for n in range(12)))
    assert [type(each) for each in outcomes] == [int] * 10 + [ResourceExhausted] * 2
    assert await database.write(partial(add, names=["later"])) == 11
    await database.close()


async def test_a_full_database_fails_what_does_not_fit(things: Database) -> None:
    await things.write(partial(add, names=["before"]))
    await things.write(partial(_limit_pages, pages=20))
    outcomes = await gather(
        things,
        partial(add, names=["small"]),
        partial(add, names=["x" * MIB]),
    )
    assert isinstance(outcomes[1], Unavailable)
    await things.write(partial(_limit_pages, pages=100_000))
    assert await things.write(partial(add, names=["y" * MIB])) >= 2
    kept = await things.read(names)
    assert "before" in kept
    # A neighbour was kept if, and only if, it was told so.
    assert ("small" in kept) == isinstance(outcomes[0], int)


def _limit_pages(connection: Connection, pages: int) -> int:
    limit: int = connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}").scalar_one()
    return limit


async def test_a_commit_that_fails_fails_all_of_its_group(things: Database, path: Path) -> None:
    await things.write(partial(add, names=["before"]))
    with file_size_limit(256 * 1024):
        outcomes = await gather(
            things, *(partial(add, names=[f"{n}" + "x" * 300_000]) for n in range(10))
        )
    assert [type(each) for each in outcomes] == [Unavailable] * 10
    assert await things.read(names) == ["before"]
    assert await things.write(partial(add, names=["after"])) == 2
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_an_outage_of_writes_is_logged_once_and_so_is_its_end(things: Database) -> None:
    with capture_logs() as events:
        with file_size_limit(256 * 1024):
            for n in range(3):
                await gather(things, partial(add, names=[f"{n}" + "x" * 300_000]))
            assert writable() == 0
            await things.check()  # Reads are served as before, and so is health.
        for n in range(3):
            await things.write(partial(add, names=[f"{n}"]))
    assert [each["event"] for each in events] == [
        "database takes no writes",
        "database takes writes again",
    ]
    assert "OperationalError" in events[0]["error"]
    assert writable() == 1


def writable() -> float | None:
    return REGISTRY.get_sample_value("bodega_database_writable")


async def test_a_caller_cancelled_before_its_work_starts_has_it_dropped(things: Database) -> None:
    ran = []

    def cancels_the_next(_connection: Connection) -> None:
        second.cancel()

    first = asyncio.create_task(things.write(cancels_the_next))
    second = asyncio.create_task(things.write(lambda _connection: ran.append("second")))
    await first
    with pytest.raises(asyncio.CancelledError):
        await second
    assert ran == []


async def test_a_caller_cancelled_later_has_its_work_committed(things: Database) -> None:
    def cancels_its_caller(connection: Connection) -> None:
        add(connection, ["a"])
        caller.cancel()

    caller = asyncio.create_task(things.write(cancels_its_caller))
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert await things.write(partial(add, names=["b"])) == 2


@pytest.mark.parametrize("end", ["commit", "rollback"])
async def test_a_work_may_not_end_the_transaction(things: Database, end: str) -> None:
    def work(connection: Connection) -> int:
        add(connection, ["a"])
        getattr(connection, end)()
        return 0

    outcomes = await gather(
        things, partial(add, names=["x"]), partial(work), partial(add, names=["y"])
    )
    assert [type(each) for each in outcomes] == [int, RuntimeError, int]
    assert await things.read(names) == ["x", "y"]


async def test_a_work_may_not_begin_a_transaction(things: Database) -> None:
    with pytest.raises(InvalidRequestError):
        await things.write(lambda connection: connection.begin())


async def test_a_work_that_ends_it_behind_our_back_fails_the_group(things: Database) -> None:
    def work(connection: Connection) -> int:
        connection.exec_driver_sql("ROLLBACK")
        return 0

    outcomes = await gather(things, partial(add, names=["x"]), partial(work))
    assert [type(each) for each in outcomes] == [RuntimeError] * 2
    assert await things.write(partial(add, names=["y"])) == 1


async def test_reads_that_never_pause_do_not_let_the_log_grow(things: Database, path: Path) -> None:
    stop = asyncio.Event()

    async def read() -> None:
        while not stop.is_set():
            await things.read(count)
            await asyncio.sleep(0)  # Only lets the others run.

    readers = [asyncio.create_task(read()) for _ in range(4)]
    for n in range(300):
        await things.write(partial(add, names=[f"{n}" + "x" * 200_000]))
    stop.set()
    await asyncio.gather(*readers)
    assert size(path) > 40 * MIB
    assert size(path.with_name(f"{path.name}-wal")) < 24 * MIB


def size(file: Path) -> int:
    return file.stat().st_size


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_file_that_was_taken_away_is_unavailable(
    things: Database, path: Path, replaced: bool
) -> None:
    await things.write(partial(add, names=["kept"]))
    with taken_away(path, replaced=replaced):
        outcomes = await gather(things, *(partial(add, names=[f"{n}"]) for n in range(3)))
        assert [type(each) for each in outcomes] == [Unavailable] * 3
        with pytest.raises(Unavailable):
            await things.check()
    await things.check()
    assert await things.write(partial(add, names=["after"])) == 2


async def test_a_path_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match=r"^cannot be opened: .*File exists.*file"):
        await open_database(f"sqlite:///{tmp_path}/file/test.db")


async def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "test.db").write_text("Bought: one mug\n" * 100)
    with pytest.raises(Unavailable, match=r"^cannot be opened: file is not a database$"):
        await open_database(f"sqlite:///{tmp_path}/test.db")


@contextmanager
def writer(url: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run things_writer in a process of its own."""
    with subprocess.Popen(  # noqa: S603  (our own program)
        [sys.executable, Path(__file__).with_name("things_writer.py"), url, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        yield process


def output(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdout is not None
    return process.stdout


async def test_a_process_killed_loses_nothing_it_acknowledged(sqlite_url: str, path: Path) -> None:
    await (await create(await open_database(sqlite_url))).close()
    with writer(sqlite_url, "a") as process:
        acknowledged = [output(process).readline() for _ in range(300)]
        process.kill()
        acknowledged += output(process).readlines()
    database = await open_database(sqlite_url)
    kept = set(await database.read(names))
    # The last line may have been cut off by the end.
    assert {line.strip() for line in acknowledged if line.endswith("\n")} <= kept
    await database.close()
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_two_processes_may_write_to_one_file(sqlite_url: str) -> None:
    database = await create(await open_patiently(sqlite_url))
    with writer(sqlite_url, "a", "20") as one, writer(sqlite_url, "b", "20") as two:
        await asyncio.gather(*(database.write(partial(add, names=[f"{n}"])) for n in range(100)))
        written = [*output(one), *output(two)]
    assert [one.returncode, two.returncode] == [0, 0]
    assert len(written) == 2 * 16 * 20
    assert await database.read(count) == 100 + len(written)
    await database.close()
