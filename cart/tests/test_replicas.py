"""Two servers' worth of carts over one database, SQLite and PostgreSQL, and one cart for all."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from cart.model import SentBatch
from cart.service import Carts
from cart.servicer import encode
from cart.store.change_notifier import CartHub
from cart.store.store import Store
from cart.tests.examples import CUP, Shop, proposal
from runtime.database import Database
from runtime.errors import AlreadyExists, NotFound
from runtime.testing.databases import open_patiently

type Replicas = tuple[Carts, Carts]


@pytest.fixture
async def replicas(database: Database, database_url: str, shop: Shop) -> AsyncIterator[Replicas]:
    """Open the database that `database` has opened once more."""
    other = await open_patiently(database_url)
    first, second = (Carts(Store(each), shop, CartHub(), encode) for each in (database, other))
    yield first, second
    await other.close()


async def test_what_one_replica_changes_the_other_reads(replicas: Replicas) -> None:
    first, second = replicas
    created = await first.create("ann", [proposal()], allow_full_price=False, request_id="")
    assert await second.get("ann") == created.cart
    changed = await second.update_item("ann", 1, 7, "")
    assert await first.get("ann") == changed
    await first.delete("ann", "")
    with pytest.raises(NotFound):
        await second.get("ann")


async def test_of_fifty_creations_on_two_replicas_exactly_one_wins(replicas: Replicas) -> None:
    results = await asyncio.gather(
        *(
            replicas[number % 2].create(
                "ann", [proposal(quantity=number + 1)], allow_full_price=False, request_id=""
            )
            for number in range(50)
        ),
        return_exceptions=True,
    )
    losers = [each for each in results if isinstance(each, AlreadyExists)]
    assert len(losers) == 49
    (winner,) = (each for each in results if not isinstance(each, BaseException))
    assert [await each.get("ann") for each in replicas] == [winner.cart] * 2


async def test_a_batch_sent_to_both_replicas_at_once_is_applied_once(replicas: Replicas) -> None:
    await replicas[0].create("ann", [], allow_full_price=False, request_id="")
    sent = SentBatch("", "b", [proposal(quantity=3), proposal(CUP)], allow_full_price=False)
    results = await asyncio.gather(*(replicas[number % 2].add("ann", sent) for number in range(50)))
    assert sum(not each.is_repeated for each in results) == 1
    assert {each.cart.totals.units for each in results} == {4}
