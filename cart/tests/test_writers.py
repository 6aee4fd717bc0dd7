"""Fifty writers on one cart, and two servers on one database, SQLite and PostgreSQL."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest

from bodega.cart.v1 import cart_pb2 as pb
from cart.etags import guard_of
from cart.tests.examples import batch, item, stream
from cart.tests.neighbours import running
from cart.tests.upstreams import Products
from cart.validation import MAX_QUANTITY
from runtime import money_proto
from runtime.testing.issuer import LoopbackIssuer
from runtime.testing.server_process import untroubled

if TYPE_CHECKING:
    from cart.tests.examples import Stub

pytest_plugins = ["cart.tests.neighbours"]

WRITERS = 50
COLORS = ("", "red", "green", "blue")
PRICES = (250, 998, 4_000)
CODES = {"": 1, "HALF": 2}

# Product, colour and code: what lines merge by, where no price changes.
type Key = tuple[int, str, str]
type Goods = list[tuple[Key, int]]
type Answer = pb.AddItemsResponse | pb.Cart


@pytest.fixture
async def replicas(
    flags: tuple[str, ...], database_url: str, tmp_path: Path, issuer: LoopbackIssuer
) -> AsyncIterator[list[Stub]]:
    """Run two servers, neither of which may warn of anything."""
    flags = (*flags, "--database", database_url, "--migrate")
    async with AsyncExitStack() as stack:
        stubs = []
        for _ in range(2):
            server = running(*flags, home=tmp_path, issuer=issuer)
            process, stub = await stack.enter_async_context(server)
            await stack.enter_async_context(untroubled(process))
            stubs.append(stub)
        yield stubs


@dataclass(frozen=True)
class Done:
    """A change that was answered: the items to add, the item and its quantity, or None for all."""

    change: Goods | tuple[int, int] | None
    answer: Answer

    @property
    def cart(self) -> pb.Cart:
        return self.answer if isinstance(self.answer, pb.Cart) else self.answer.cart

    @property
    def place(self) -> tuple[int, int]:
        """Where it stands among all; what changed nothing stands behind what it found."""
        if isinstance(self.answer, pb.AddItemsResponse):
            return revision(self.cart), 2 * (self.answer.added_count == 0)
        return revision(self.cart), self.change is None


def revision(cart: pb.Cart) -> int:
    state = guard_of(cart.etag)
    assert state is not None
    return state.revision


def minor(cart: pb.Cart) -> int:
    """Return what is to be paid, in cents."""
    if not cart.totals.HasField("total"):
        return 0
    total = money_proto.from_proto(cart.totals.total, field="total")
    assert total.currency == "EUR"
    return total.minor


class Writer:
    """Makes changes of all kinds, one after the other."""

    def __init__(self, stub: Stub, number: int, products: list[int]) -> None:
        self._stub = stub
        self._number = number
        self._products = products
        self._dice = random.Random(number)  # noqa: S311  (no secret)
        self._ids = [1]
        self.done: list[Done] = []
        self.missed = 0

    async def work(self, changes: int) -> None:
        for number in range(changes):
            try:
                self.done.append(await self._change(f"{self._number}/{number}"))
            except grpc.aio.AioRpcError as error:
                # Another writer has taken the item out: nobody deletes the cart.
                if error.code() is not grpc.StatusCode.NOT_FOUND:
                    raise
                self.missed += 1

    async def _change(self, name: str) -> Done:
        kind = self._dice.random()
        if kind < 0.5:
            return await self._add(name, [self._goods() for _ in range(self._dice.randint(1, 3))])
        if kind < 0.99:
            quantity = self._dice.choice([0, self._dice.randint(1, MAX_QUANTITY)])
            done = await self._set(self._dice.choice(self._ids), quantity)
        else:
            cleared = await self._stub.ClearCart(pb.ClearCartRequest())
            done = Done(None, cleared.cart)
        self._ids = [each.id for each in done.cart.items] or [1]
        return done

    async def _add(self, name: str, goods: Goods) -> Done:
        items = [
            item(product, quantity, code=code, color=color)
            for (product, color, code), quantity in goods
        ]
        return Done(goods, await self._stub.AddItems(stream(batch(name, *items))))

    async def _set(self, item_id: int, quantity: int) -> Done:
        change = item_id, quantity
        if quantity:
            update = pb.UpdateItemRequest(item_id=item_id, quantity=quantity)
            return Done(change, (await self._stub.UpdateItem(update)).cart)
        remove = pb.RemoveItemRequest(item_id=item_id)
        return Done(change, (await self._stub.RemoveItem(remove)).cart)

    def _goods(self) -> tuple[Key, int]:
        dice = self._dice
        key = dice.choice(self._products), dice.choice(COLORS), dice.choice([*CODES])
        return key, dice.choice([1, 2, 3, 3_000])


class Model:
    """The cart as it must be, one change after the other."""

    def __init__(self, created: pb.Cart, prices: dict[int, int]) -> None:
        self.revision = revision(created)
        self.lines: dict[int, tuple[Key, int]] = {}
        self._prices = prices

    def follow(self, done: Done) -> None:
        """Make the change, and compare what it was answered with."""
        if isinstance(done.answer, pb.AddItemsResponse):
            assert isinstance(done.change, list)
            rejected = self._add(done.change)
            assert [each.index for each in done.answer.rejected_items] == rejected
            assert done.answer.added_count == len(done.change) - len(rejected)
            assert not done.answer.warnings
            assert not done.answer.repeated_batch_count
        else:
            assert not isinstance(done.change, list)
            self._set(done.change)
            self.check_items(done.answer)
        self.check_totals(done.cart)
        self.revision = revision(done.cart)

    def check_items(self, cart: pb.Cart) -> None:
        assert {
            each.id: ((each.product_id, each.color, each.discount_code), each.quantity)
            for each in cart.items
        } == self.lines

    def check_totals(self, cart: pb.Cart) -> None:
        assert cart.totals.item_count == len(self.lines)
        assert cart.totals.unit_count == sum(quantity for _, quantity in self.lines.values())
        assert minor(cart) == sum(
            self._prices[product] // CODES[code] * quantity
            for (product, _, code), quantity in self.lines.values()
        )

    def _add(self, goods: Goods) -> list[int]:
        rejected = []
        next_id = self.revision + 1
        for place, (key, quantity) in enumerate(goods):
            known = [id_ for id_, line in self.lines.items() if line[0] == key]
            before = self.lines[known[0]][1] if known else 0
            if before + quantity > MAX_QUANTITY:
                rejected.append(place)
                continue
            self.lines[known[0] if known else next_id] = key, before + quantity
            next_id += not known
        return rejected

    def _set(self, change: tuple[int, int] | None) -> None:
        match change:
            case None:
                self.lines = {}
            case item_id, 0:
                del self.lines[item_id]
            case item_id, quantity:
                self.lines[item_id] = self.lines[item_id][0], quantity


@pytest.mark.parametrize("changes", [1_000, pytest.param(10_000, marks=pytest.mark.soak)])
async def test_fifty_writers_on_one_cart_lose_and_double_nothing(
    replicas: list[Stub], products: Products, changes: int
) -> None:
    """Every answer is that of the changes before it, in the order of their revisions."""
    prices = {await products.add(f"P{price}", price): price for price in PRICES}
    created = await replicas[0].CreateCart(pb.CreateCartRequest())
    writers = [Writer(replicas[number % 2], number, [*prices]) for number in range(WRITERS)]
    await asyncio.gather(*(each.work(changes // WRITERS) for each in writers))
    done = sorted((one for each in writers for one in each.done), key=lambda one: one.place)
    assert len(done) + sum(each.missed for each in writers) == changes
    assert len(done) > changes / 2
    model = Model(created.cart, prices)
    for one in done:
        model.follow(one)
    for stub in replicas:
        cart = (await stub.GetCart(pb.GetCartRequest())).cart
        model.check_items(cart)
        assert revision(cart) == model.revision
        model.check_totals(cart)
