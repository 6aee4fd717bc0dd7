"""Watches and sessions on two servers over one database, SQLite and PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta

import pytest

from cart.service import Carts
from cart.servicer import encode
from cart.sessions import Add, Clear, Live, Operation, Outcome, State
from cart.store.change_notifier import CartHub
from cart.store.store import Store
from cart.tests.examples import CUP, TEA, Shop, proposal
from runtime.database import Database
from runtime.testing.databases import open_patiently

SOON = timedelta(milliseconds=10)


class Replica:
    def __init__(self, store: Store, shop: Shop) -> None:
        self.hub = CartHub()
        self.carts = Carts(store, shop, self.hub, encode)
        self.live = Live(self.carts, self.hub)
        self.following = asyncio.create_task(self.hub.follow(store.stamps, SOON))

    async def close(self) -> None:
        self.following.cancel()
        await asyncio.wait((self.following,))


@pytest.fixture
async def replicas(
    database: Database, database_url: str, shop: Shop
) -> AsyncIterator[tuple[Replica, Replica]]:
    other = await open_patiently(database_url)
    both = Replica(Store(database), shop), Replica(Store(other), shop)
    yield both
    for each in both:
        await each.close()
    await other.close()


async def create(replica: Replica, owner: str) -> None:
    await replica.carts.create(owner, [], allow_full_price=False, request_id="")


async def test_a_watcher_sees_what_another_replica_commits(
    replicas: tuple[Replica, Replica],
) -> None:
    here, there = replicas
    async with asyncio.timeout(60), aclosing(here.live.watch("ann")) as watched:
        assert await anext(watched) == State(None)
        await create(there, "bob")
        await create(there, "ann")
        assert (await anext(watched)).cart == await there.carts.get("ann")
        await there.carts.delete("ann", "")
        assert await anext(watched) == State(None)


async def test_sessions_on_two_replicas_come_to_the_same_cart(
    replicas: tuple[Replica, Replica],
) -> None:
    await create(replicas[0], "ann")
    begun = [asyncio.Event(), asyncio.Event()]
    count = 20

    async def run(index: int) -> list[State | Outcome]:
        async def operations() -> AsyncIterator[Operation]:
            begun[index].set()
            await begun[1 - index].wait()
            for number in range(count):
                change = Add([proposal(TEA if index else CUP, color=f"c{number}")], False)
                yield Operation(f"{index}-{number}", change)

        return [each async for each in replicas[index].live.sync("ann", operations())]

    async with asyncio.timeout(60):
        said = await asyncio.gather(run(0), run(1))
    for index, each in enumerate(said):
        outcomes = [one for one in each if isinstance(one, Outcome)]
        assert [one.operation.id for one in outcomes] == [f"{index}-{n}" for n in range(count)]
        assert [one.error for one in outcomes] == [None] * count
    final = await replicas[0].carts.get("ann")
    assert final == await replicas[1].carts.get("ann")
    assert [each for each in said if each[-1] == State(final)]


async def test_a_session_sees_what_another_replica_does(
    replicas: tuple[Replica, Replica],
) -> None:
    here, there = replicas
    await create(here, "ann")
    more = asyncio.Event()

    async def operations() -> AsyncIterator[Operation]:
        await more.wait()
        yield Operation("clear", Clear(""))

    async with asyncio.timeout(60), aclosing(here.live.sync("ann", operations())) as said:
        await anext(said)
        added = [each async for each in there.live.sync("ann", one_addition())]
        seen = await anext(said)
        assert isinstance(seen, State)
        assert seen == added[-1]
        more.set()
        outcome = await anext(said)
        assert isinstance(outcome, Outcome)
        assert outcome.error is None
        assert await anext(said) == State(await there.carts.get("ann"))
        assert [each async for each in said] == []


async def one_addition() -> AsyncIterator[Operation]:
    yield Operation("a", Add([proposal(TEA)], False))
