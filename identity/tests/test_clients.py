"""The store of clients and of their secrets, and what it remembers."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Connection, text

from identity.clients.client import Client, parse_client
from identity.clients.client_secrets import MOST_SECRETS
from identity.clients.clients import STALENESS, Change, Clients
from identity.grants.grants import Grants, NewGrant, insert_grant
from identity.tests.counting import CountingDatabase
from identity.tests.times import HandClock
from identity.users.consents import Consents
from runtime.clock import SECOND
from runtime.database import Database
from runtime.errors import FailedPrecondition, NotFound


@pytest.fixture
def counted(database: Database) -> CountingDatabase:
    return CountingDatabase(database)


@pytest.fixture
def clients(counted: CountingDatabase, clock: HandClock) -> Clients:
    return Clients(counted, clock)


def service(client_id: str = "service", **more: object) -> Client:
    return parse_client({"client_id": client_id, "grant_types": ["client_credentials"], **more})


async def test_a_client_is_created_changed_and_left_alone(
    clients: Clients, clock: HandClock
) -> None:
    created = clock()
    assert await clients.put(service(), source="admin") is Change.CREATED
    clock.now += SECOND
    assert await clients.put(service(), source="admin") is Change.UNCHANGED
    changed = service(scope="read")
    assert await clients.put(changed, source="admin") is Change.UPDATED
    found = await clients.read("service")
    assert found is not None
    assert found.client == changed
    assert (found.create_time, found.update_time) == (created, clock())


async def test_a_thousand_grants_read_the_database_once(
    clients: Clients, counted: CountingDatabase
) -> None:
    await clients.put(service(), source="admin")
    secret = await clients.add_secret("service")
    assert secret is not None
    for _ in range(1000):
        assert await clients.get("service") == service()
        assert await clients.has_secret("service", secret)
    assert counted.reads == 1


async def test_of_many_that_ask_at_once_one_reads(
    clients: Clients, counted: CountingDatabase
) -> None:
    await clients.put(service(), source="admin")
    found = await asyncio.gather(*(clients.get("service") for _ in range(100)))
    assert found == [service()] * 100
    assert counted.reads == 1


async def test_what_another_replica_changes_is_seen_after_a_second(
    database: Database, clients: Clients, clock: HandClock
) -> None:
    other = Clients(database, clock)
    await other.put(service(), source="admin")
    secret = await other.add_secret("service")
    assert secret is not None
    assert await clients.has_secret("service", secret)
    await other.delete("service")
    clock.now += STALENESS - 1
    assert await clients.get("service") is not None
    clock.now += 1
    assert await clients.get("service") is None
    assert not await clients.has_secret("service", secret)


async def test_what_this_replica_changes_is_seen_at_once(clients: Clients) -> None:
    assert await clients.get("service") is None
    await clients.put(service(), source="admin")
    assert await clients.get("service") is not None
    await clients.delete("service")
    assert await clients.get("service") is None


async def test_made_up_names_do_not_fill_the_memory(clients: Clients) -> None:
    for number in range(3000):
        assert await clients.get(f"client-{number}") is None
    assert len(clients._remembered) == 2048


@pytest.mark.parametrize(
    "secret",
    ["", "x", "\udc80", "\0", "é" * 100],
    ids=["empty", "short", "surrogate", "nul", "not ASCII"],
)
async def test_no_other_secret_is_right(clients: Clients, secret: str) -> None:
    await clients.put(service(), source="admin")
    assert not await clients.has_secret("service", secret)
    await clients.add_secret("service")
    assert not await clients.has_secret("service", secret)
    assert not await clients.has_secret("nobody", secret)


async def test_one_clients_secret_is_no_others(clients: Clients) -> None:
    await clients.put(service("one"), source="admin")
    await clients.put(service("two"), source="admin")
    secret = await clients.add_secret("one") or ""
    assert await clients.has_secret("one", secret)
    assert not await clients.has_secret("two", secret)


async def test_a_secret_is_changed_without_a_gap(clients: Clients, clock: HandClock) -> None:
    await clients.put(service(), source="admin")
    old = await clients.add_secret("service") or ""
    new = await clients.add_secret("service", others_expire=clock() + SECOND) or ""
    assert [await clients.has_secret("service", each) for each in (old, new)] == [True, True]
    clock.now += SECOND
    assert [await clients.has_secret("service", each) for each in (old, new)] == [False, True]


async def test_a_secret_ends_while_it_is_remembered(clients: Clients, clock: HandClock) -> None:
    await clients.put(service(), source="admin")
    secret = await clients.add_secret("service", expire_time=clock() + 10) or ""
    assert await clients.has_secret("service", secret)
    clock.now += 10
    assert not await clients.has_secret("service", secret)


async def test_a_removed_secret_is_wrong_at_once(clients: Clients) -> None:
    await clients.put(service(), source="admin")
    secret = await clients.add_secret("service") or ""
    (kept,) = await clients.secrets("service")
    assert await clients.remove_secret("service", kept.secret_id)
    assert not await clients.has_secret("service", secret)
    assert not await clients.remove_secret("service", kept.secret_id)


async def test_the_secret_itself_is_not_stored(database: Database, clients: Clients) -> None:
    await clients.put(service(), source="admin")
    secret = await clients.add_secret("service") or ""
    rows = await database.read(lambda c: c.execute(text("SELECT * FROM client_secrets")).all())
    assert len(rows) == 1
    assert secret not in str(rows)
    assert len(secret) == 43


async def test_there_are_not_too_many_secrets(clients: Clients, clock: HandClock) -> None:
    await clients.put(service(), source="admin")
    await clients.add_secret("service", expire_time=clock() + SECOND)
    for _ in range(MOST_SECRETS - 1):
        await clients.add_secret("service")
    with pytest.raises(FailedPrecondition, match="has 10 secrets"):
        await clients.add_secret("service")
    clock.now += SECOND
    assert await clients.add_secret("service") is not None


async def test_nobody_gets_a_secret(clients: Clients) -> None:
    with pytest.raises(NotFound):
        await clients.add_secret("nobody")


async def test_a_deleted_client_takes_all_with_it(
    database: Database, clients: Clients, clock: HandClock
) -> None:
    await clients.put(service(), source="admin")
    secret = await clients.add_secret("service") or ""
    await Consents(database).allow("user-1", "service", ["openid"])
    new = NewGrant(
        client_id="service",
        user_id="user-1",
        sid=None,
        scopes=(),
        resources=(),
        auth_time=clock(),
        expire_time=clock() + timedelta(days=1) // timedelta(microseconds=1),
    )
    grant = await database.write(lambda c: insert_grant(c, new, clock()))
    assert await clients.delete("service")
    assert not await clients.delete("service")
    found = await Grants(database).find(grant.grant_id)
    assert found is not None
    assert found.revoked
    assert await Consents(database).allowed("user-1", "service") == frozenset()
    await clients.put(service(), source="admin")
    assert not await clients.has_secret("service", secret)


async def test_a_read_begun_before_a_change_is_not_remembered(
    database: Database, clock: HandClock
) -> None:
    """The read of the old state ends after the write of the new one."""
    slow = SlowDatabase(database)
    clients = Clients(slow, clock)
    await clients.put(service(), source="admin")
    reading = asyncio.create_task(clients.get("service"))
    await slow.read_done.wait()
    await clients.put(service(scope="read"), source="admin")
    slow.go_on.set()
    assert await reading == service()
    assert await clients.get("service") == service(scope="read")


class SlowDatabase(CountingDatabase):
    """Answers reads when it is told to."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.read_done = asyncio.Event()
        self.go_on = asyncio.Event()

    async def read[T](self, work: Callable[[Connection], T], *, snapshot: bool = True) -> T:
        found = await super().read(work, snapshot=snapshot)
        self.read_done.set()
        await self.go_on.wait()
        return found
