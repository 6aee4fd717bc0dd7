"""A log-out while something is being granted in the same session."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Table, func, select

from identity.grants.grants import Grants, NewGrant, insert_grant
from identity.grants.live_session import hold_session
from identity.model import Grant, Session
from identity.protocol.sync import wait
from identity.tables import authorization_codes, device_codes, grants, pushed_requests
from identity.tests.browsing import Browser, Page
from identity.tests.holding import Hold, HoldingDatabase
from identity.tests.shop import CALLBACK, PASSWORD, Shop, request, shop_on
from identity.tests.times import HandClock
from identity.users.passwords import cheap_passwords
from identity.users.sessions import Sessions
from identity.users.users import NewUser, Users
from runtime.database import Database
from runtime.migrate import upgrade
from runtime.testing.databases import open_patiently
from runtime.testing.waiting import PATIENCE_SECONDS


@pytest.fixture
def held(database: Database) -> HoldingDatabase:
    return HoldingDatabase(database)


@pytest.fixture
async def shop(held: HoldingDatabase, tmp_path: Path, clock: HandClock) -> AsyncIterator[Shop]:
    async with shop_on(held, tmp_path / "data", clock) as open_shop:
        yield open_shop


async def allow_while_logging_out(shop: Shop, held: HoldingDatabase, browser: Browser) -> Page:
    """Press "Allow" in one tab, and log out in another before anything of it is written."""
    other_tab = shop.browser()
    other_tab.cookies |= browser.cookies
    hold = held.hold()
    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as group:
        allowing = group.create_task(browser.submit("Allow"))
        await hold.reached.wait()
        await other_tab.open("/logout")
        assert (await other_tab.submit("Log out")).title == "Logged out"
        hold.released.set()
    return allowing.result()


async def counted(database: Database, *tables: Table) -> list[int]:
    async def count(table: Table) -> int:
        query = select(func.count()).select_from(table)
        return await database.read(lambda c: c.execute(query).scalar_one())

    return [await count(table) for table in tables]


@pytest.mark.parametrize("scope", ["openid orders", "openid offline_access"])
async def test_what_is_allowed_during_a_log_out_is_not_granted(
    shop: Shop, held: HoldingDatabase, scope: str
) -> None:
    browser = await shop.logged_in()
    await browser.open("/authorize", **request(scope=scope))
    page = await allow_while_logging_out(shop, held, browser)
    assert page.title == "Log in"
    assert await counted(held, grants, authorization_codes) == [0, 0]
    # It is what the client asked for that the user logs in to.
    page = await browser.log_in()
    if scope == "openid offline_access":
        page = await browser.submit("Allow")
    assert page.url.startswith(f"{CALLBACK}?code=")


async def test_a_request_that_was_pushed_is_not_used_up_by_it(
    shop: Shop, held: HoldingDatabase
) -> None:
    browser = await shop.logged_in()
    pushed = await shop.http.post("/par", data=request(), auth=("web", "s" * 43))
    request_uri = pushed.json()["request_uri"]
    await browser.open("/authorize", client_id="web", request_uri=request_uri)
    assert (await allow_while_logging_out(shop, held, browser)).title == "Log in"
    assert await counted(held, grants, pushed_requests) == [0, 1]


async def test_a_device_that_is_allowed_during_a_log_out_gets_nothing(
    shop: Shop, held: HoldingDatabase
) -> None:
    form = {"client_id": "app", "scope": "openid orders"}
    device = (await shop.http.post("/device_authorization", data=form)).json()
    browser = await shop.logged_in()
    await browser.open("/device")
    await browser.submit("Continue", user_code=device["user_code"])
    assert (await allow_while_logging_out(shop, held, browser)).title == "Log in"
    state = select(device_codes.c.state)
    assert await held.read(lambda c: c.execute(state).scalar_one()) == "pending"


async def test_a_log_out_waits_for_a_grant_that_is_being_made_and_ends_it(
    postgres_url: str, clock: HandClock
) -> None:
    await upgrade(postgres_url, "identity.migrations")
    database = await open_patiently(postgres_url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        alice = await Users(database, cheap_passwords()).create(NewUser(username="a"), PASSWORD)
        hour = timedelta(hours=1)
        sessions = Sessions(database, lifetime=hour, idle=hour, clock=clock)
        _, session = await sessions.start(alice.user_id)
        hold = Hold()

        def make(connection: Connection) -> Grant:
            hold_session(connection, session.sid)
            hold.reached.set()
            wait(hold.released.wait())
            return insert_grant(connection, new_grant(session), clock())

        async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as group:
            making = group.create_task(database.write(make))
            await hold.reached.wait()
            ending = group.create_task(sessions.end(session.sid))
            while not await database.read(is_somebody_waiting):
                assert not ending.done()
            hold.released.set()
        made = await Grants(database).find(making.result().grant_id)
        assert made is not None
        assert made.revoked


def new_grant(session: Session) -> NewGrant:
    return NewGrant(
        client_id="web",
        user_id=session.user_id,
        sid=session.sid,
        scopes=["openid"],
        resources=[],
        auth_time=session.auth_time,
        expire_time=session.expire_time,
    )


def is_somebody_waiting(connection: Connection) -> bool:
    """Whether a transaction of the database waits for another."""
    waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
    return bool(connection.exec_driver_sql(waiting).scalar())
