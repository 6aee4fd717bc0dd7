import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select

from identity.tables import sessions as table
from identity.tests.times import HandClock
from identity.users.passwords import cheap_passwords
from identity.users.sessions import Sessions
from identity.users.users import NewUser, Users
from runtime.database import Database

LIFETIME = timedelta(hours=12)
IDLE = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def users(database: Database) -> Users:
    return Users(database, cheap_passwords())


@pytest.fixture
def sessions(database: Database, clock: HandClock) -> Sessions:
    return Sessions(database, lifetime=LIFETIME, idle=IDLE, clock=clock)


@pytest.fixture
async def alice(users: Users) -> str:
    return (await users.create(NewUser(username="alice"), "correct horse")).user_id


@pytest.fixture
async def bob(users: Users) -> str:
    return (await users.create(NewUser(username="bob"), "correct horse")).user_id


async def test_a_cookie_finds_its_session(sessions: Sessions, alice: str, clock: HandClock) -> None:
    cookie, session = await sessions.start(alice)
    assert await sessions.current(cookie) == session
    assert (session.user_id, session.auth_time) == (alice, clock.now)


@pytest.mark.parametrize("cookie", [None, "", "nothing", "\0", "\ud800"])
async def test_another_cookie_finds_none(
    sessions: Sessions, alice: str, cookie: str | None
) -> None:
    await sessions.start(alice)
    assert await sessions.current(cookie) is None


async def test_the_database_holds_no_cookie(
    database: Database, sessions: Sessions, alice: str
) -> None:
    cookie, _ = await sessions.start(alice)
    row = await database.read(lambda connection: connection.execute(select(table)).one())
    assert cookie not in str(row)
    assert cookie.encode() not in row.digest


async def test_a_log_in_makes_the_cookie_before_it_worthless(
    sessions: Sessions, alice: str, bob: str
) -> None:
    planted, first = await sessions.start(alice)
    cookie, second = await sessions.start(alice, planted)
    assert await sessions.current(planted) is None
    assert second.sid == first.sid
    other, third = await sessions.start(bob, cookie)
    assert third.sid != first.sid
    assert other != cookie


async def test_of_logins_at_once_with_one_cookie_each_has_its_own_afterwards(
    sessions: Sessions, alice: str
) -> None:
    planted, _ = await sessions.start(alice)
    started = await asyncio.gather(*(sessions.start(alice, planted) for _ in range(8)))
    assert await sessions.current(planted) is None
    assert len({cookie for cookie, _ in started}) == 8
    assert len({session.sid for _, session in started}) == 8


async def test_a_session_ends_with_its_lifetime_however_much_it_is_used(
    sessions: Sessions, alice: str, clock: HandClock
) -> None:
    cookie, _ = await sessions.start(alice)
    for _ in range(23):
        clock.advance(MINUTE * 30)
        assert await sessions.current(cookie) is not None
    clock.advance(MINUTE * 30)
    assert await sessions.current(cookie) is None


async def test_a_session_that_is_not_used_ends(
    sessions: Sessions, alice: str, clock: HandClock
) -> None:
    cookie, _ = await sessions.start(alice)
    clock.advance(IDLE - MINUTE)
    assert await sessions.current(cookie) is not None
    clock.advance(IDLE - MINUTE)
    assert await sessions.current(cookie) is not None
    clock.advance(IDLE)
    assert await sessions.current(cookie) is None


async def test_an_ended_session_is_found_no_more_and_ended_by_one(
    sessions: Sessions, alice: str
) -> None:
    cookie, session = await sessions.start(alice)
    ended = await asyncio.gather(*(sessions.end(session.sid) for _ in range(5)))
    assert [one for one in ended if one] == [session]
    assert await sessions.current(cookie) is None


async def test_a_disabled_user_has_no_session(users: Users, sessions: Sessions, alice: str) -> None:
    cookie, _ = await sessions.start(alice)
    await users.set_disabled(alice, disabled=True)
    assert await sessions.current(cookie) is None
    await users.set_disabled(alice, disabled=False)
    assert await sessions.current(cookie) is None


async def test_what_is_over_is_purged_and_nothing_else(
    sessions: Sessions, alice: str, clock: HandClock
) -> None:
    for _ in range(3):
        await sessions.start(alice)
    clock.advance(IDLE)
    cookie, _ = await sessions.start(alice)
    assert await sessions.purge(2) == 2
    assert await sessions.purge(2) == 1
    assert await sessions.purge(2) == 0
    assert await sessions.current(cookie) is not None
