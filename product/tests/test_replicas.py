"""Two servers' worth of catalogue over one database, SQLite and PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from product.model import Proposal
from product.service import FROM_NOW_ON, Catalogue
from product.store.change_notifier import ChangeHub
from product.store.store import Store
from product.tests.examples import pack
from runtime.database import Database
from runtime.money import Money
from runtime.testing.databases import open_patiently
from runtime.testing.waiting import PATIENCE_SECONDS

TEA = Proposal("TEA", "Tea", "", Money("EUR", 250), 1)


@pytest.fixture
async def other(database: Database, database_url: str) -> AsyncIterator[Store]:
    """Open the database that `database` has opened once more."""
    opened = await open_patiently(database_url)
    yield Store(opened, pack)
    await opened.close()


async def test_a_watcher_sees_what_another_replica_commits(store: Store, other: Store) -> None:
    hub = ChangeHub()
    following = asyncio.create_task(hub.follow(other.revision, timedelta(milliseconds=10)))
    watching = Catalogue(other, hub).watch(FROM_NOW_ON)
    assert (await anext(watching)).changes == []
    async with asyncio.timeout(PATIENCE_SECONDS):
        product = await Catalogue(store, ChangeHub()).create(TEA, "")
        seen = await anext(watching)
    assert [each.message for each in seen.changes] == [pack(product)]
    following.cancel()
    await watching.aclose()


async def test_replicas_that_write_at_once_agree(store: Store, other: Store) -> None:
    replicas = [Catalogue(each, ChangeHub()) for each in (store, other)]
    created = await asyncio.gather(
        *(
            replica.create(TEA._replace(sku=f"{number}-{index}"), "")
            for number in range(20)
            for index, replica in enumerate(replicas)
        )
    )
    assert len({each.id for each in created}) == 40
    assert len((await other.changes(0, 0, 100)).changes) == 40
    assert await store.revision() == await other.revision() == 40
