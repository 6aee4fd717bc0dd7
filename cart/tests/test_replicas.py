"""Two servers' worth of carts over one database, SQLite and PostgreSQL, and one cart for all."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from cart.changes import CartHub
from cart.model import Added, Cart, EncodedCart, Line, Proposal, SentBatch
from cart.pricing import totals_of
from cart.service import Carts
from cart.store import Store
from cart.tests.examples import CUP, POT, TEA, Shop, proposal
from cart.validation import MAX_QUANTITY
from runtime.database import Database
from runtime.errors import AlreadyExists, NotFound
from runtime.testing.databases import open_patiently

WRITERS = 50
COLORS = ("", "red", "green", "blue")

type Replicas = tuple[Carts, Carts]


def pack(cart: Cart) -> bytes:
    """Encode the lines in a way of the tests' own."""
    return json.dumps(cart.lines).encode()


def unpack(message: bytes) -> list[Line]:
    return [Line(*each) for each in json.loads(message)]


@pytest.fixture
async def replicas(database: Database, database_url: str, shop: Shop) -> AsyncIterator[Replicas]:
    """Open the database that `database` has opened once more."""
    other = await open_patiently(database_url)
    first, second = (Carts(Store(each), shop, CartHub(), pack) for each in (database, other))
    yield first, second
    await other.close()


@dataclass(frozen=True)
class Done:
    """A change that was answered: what was asked, and the answer."""

    revision: int
    change: list[Proposal] | tuple[int, int] | None
    answer: Added | EncodedCart

    @property
    def place(self) -> tuple[int, int]:
        """Where it stands among all; what changed nothing stands behind what it found."""
        if isinstance(self.answer, Added):
            return self.revision, 2 * (self.answer.result.added == 0)
        return self.revision, self.change is None


class Writer:
    """Makes changes of all kinds, one after the other."""

    def __init__(self, carts: Carts, number: int) -> None:
        self._carts = carts
        self._number = number
        self._dice = random.Random(number)  # noqa: S311  (no secret)
        self._ids = [1]
        self.done: list[Done] = []
        self.missed = 0

    async def work(self, changes: int) -> None:
        for number in range(changes):
            try:
                self.done.append(await self._change(f"{self._number}/{number}"))
            except NotFound:
                # Another writer has taken the item out: nobody deletes the cart.
                self.missed += 1

    async def _change(self, name: str) -> Done:
        dice = self._dice
        kind = dice.random()
        if kind < 0.5:
            items = [self._item() for _ in range(dice.randint(1, 3))]
            added = await self._carts.add("ann", SentBatch("", name, items, False))
            return Done(added.cart.head.revision, items, added)
        item_id = dice.choice(self._ids)
        change: tuple[int, int] | None
        if kind < 0.99:
            quantity = dice.choice([0, dice.randint(1, MAX_QUANTITY)])
            change = (item_id, quantity)
            cart = await (
                self._carts.update_item("ann", item_id, quantity, "")
                if quantity
                else self._carts.remove_item("ann", item_id, "")
            )
        else:
            change = None
            cart = await self._carts.clear("ann", "")
        self._ids = [each.id for each in unpack(cart.message)] or [1]
        return Done(cart.stamp.revision, change, cart)

    def _item(self) -> Proposal:
        dice = self._dice
        quantity = dice.choice([1, 2, 3, 3_000])
        return proposal(dice.choice([TEA, CUP, POT]), quantity, color=dice.choice(COLORS))


class Model:
    """The cart as it must be, one change after the other."""

    def __init__(self, revision: int) -> None:
        self.revision = revision
        self.lines: dict[int, tuple[int, str, int]] = {}

    def follow(self, done: Done) -> None:
        """Make the change, and compare what it was answered with."""
        if isinstance(done.answer, Added):
            assert isinstance(done.change, list)
            rejected = self._add(done.change)
            assert [each.place for each in done.answer.result.rejected] == rejected
            assert done.answer.result.added == len(done.change) - len(rejected)
            assert done.answer.cart.totals.units == sum(each[2] for each in self.lines.values())
            assert done.answer.cart.totals.items == len(self.lines)
        else:
            self._set(done.change)
            answered = unpack(done.answer.message)
            assert {
                each.id: (each.product_id, each.color, each.quantity) for each in answered
            } == self.lines
        self.revision = done.revision

    def _add(self, proposals: list[Proposal]) -> list[int]:
        rejected = []
        next_id = self.revision + 1
        for place, sent in enumerate(proposals):
            key = (sent.product_id, sent.color)
            known = [id_ for id_, line in self.lines.items() if line[:2] == key]
            before = self.lines[known[0]][2] if known else 0
            if before + sent.quantity > MAX_QUANTITY:
                rejected.append(place)
                continue
            self.lines[known[0] if known else next_id] = (*key, before + sent.quantity)
            next_id += not known
        return rejected

    def _set(self, change: object) -> None:
        match change:
            case None:
                self.lines = {}
            case int(item_id), 0:
                del self.lines[item_id]
            case int(item_id), int(quantity):
                self.lines[item_id] = (*self.lines[item_id][:2], quantity)


@pytest.mark.parametrize("changes", [10_000])
async def test_fifty_writers_on_one_cart_lose_and_double_nothing(
    replicas: Replicas, database: Database, changes: int
) -> None:
    """Every answer is that of the changes before it, in the order of their revisions."""
    created = await replicas[0].create("ann", [], discount_optional=False, request_id="")
    writers = [Writer(replicas[number % 2], number) for number in range(WRITERS)]
    await asyncio.gather(*(each.work(changes // WRITERS) for each in writers))
    done = sorted((one for each in writers for one in each.done), key=lambda one: one.place)
    assert len(done) + sum(each.missed for each in writers) == changes
    assert len(done) > changes / 2
    model = Model(created.cart.stamp.revision)
    for one in done:
        model.follow(one)
    store = Store(database)
    found, summary = await store.get("ann"), await store.summary("ann")
    assert found is not None
    assert summary is not None
    assert {
        each.id: (each.product_id, each.color, each.quantity) for each in found.lines
    } == model.lines
    assert len({each.key for each in found.lines}) == len(found.lines)
    assert summary.totals == totals_of(found.lines)
    assert found.head.revision == model.revision


async def test_what_one_replica_changes_the_other_reads(replicas: Replicas) -> None:
    first, second = replicas
    created = await first.create("ann", [proposal()], discount_optional=False, request_id="")
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
                "ann", [proposal(quantity=number + 1)], discount_optional=False, request_id=""
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
    await replicas[0].create("ann", [], discount_optional=False, request_id="")
    sent = SentBatch("", "b", [proposal(quantity=3), proposal(CUP)], discount_optional=False)
    results = await asyncio.gather(*(replicas[number % 2].add("ann", sent) for number in range(50)))
    assert sum(not each.is_repeated for each in results) == 1
    assert {each.cart.totals.units for each in results} == {4}
