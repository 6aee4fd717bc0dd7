import asyncio
from datetime import timedelta
from sqlite3 import DatabaseError

from structlog.testing import capture_logs

from product.store.change_notifier import ChangeHub
from runtime.errors import ResourceExhausted, Unavailable
from runtime.reason import Reason
from runtime.testing.waiting import PATIENCE_SECONDS

AT_ONCE = timedelta(0)


async def test_all_who_wait_hear_of_a_change() -> None:
    hub = ChangeHub()
    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(hub.wait_past(3))
        await asyncio.sleep(0)
        hub.advance(4)


async def test_an_older_revision_wakes_nobody() -> None:
    hub = ChangeHub()
    waiting = asyncio.create_task(hub.wait_past(3))
    await asyncio.sleep(0)
    hub.advance(3)
    await asyncio.sleep(0)
    assert not waiting.done()
    hub.advance(4)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await waiting


async def test_what_another_replica_committed_is_found_by_asking() -> None:
    hub = ChangeHub()

    async def newest() -> int:
        return 7

    following = asyncio.create_task(hub.follow(newest, AT_ONCE))
    async with asyncio.timeout(PATIENCE_SECONDS):
        await hub.wait_past(6)
    following.cancel()


async def test_nobody_is_asked_while_nobody_waits_and_an_absence_is_survived() -> None:
    hub = ChangeHub()
    asked = 0

    async def newest() -> int:
        nonlocal asked
        asked += 1
        match asked:
            case 1:
                raise Unavailable("away", reason=Reason.DATABASE_AWAY)
            case 2:
                raise ResourceExhausted("busy", reason=Reason.TOO_MANY_QUERIES)
        return asked

    following = asyncio.create_task(hub.follow(newest, AT_ONCE))
    for _ in range(5):
        await asyncio.sleep(0)
    assert asked == 0
    async with asyncio.timeout(PATIENCE_SECONDS):
        await hub.wait_past(2)
    assert asked == 3
    following.cancel()


async def test_an_error_nobody_foresaw_is_logged_once_and_survived() -> None:
    hub = ChangeHub()
    answers: list[Exception | int] = [DatabaseError("malformed"), DatabaseError("malformed"), 3]

    async def newest() -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with capture_logs() as events:
        following = asyncio.create_task(hub.follow(newest, AT_ONCE))
        async with asyncio.timeout(PATIENCE_SECONDS):
            await hub.wait_past(2)
    following.cancel()
    assert [each["log_level"] for each in events] == ["error"]
