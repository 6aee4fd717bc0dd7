"""The live calls: who watches a cart, and sessions in which it is changed as well."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from typing import NamedTuple, Self

from cart.model import BatchResult, EncodedCart, Proposal, SentBatch, Stamp
from cart.service import Carts
from cart.store.change_notifier import CartHub, Watch
from runtime.errors import DomainError
from runtime.in_order import locate
from runtime.tracing import step
from runtime.validation import check_batch_id, refuse

MAX_OPERATION_ITEMS = 200
# Operations that are received before they are their turn. The next one stays in the connection,
# whose flow control stops the client.
_AHEAD = 16
# A session that always has more to do shows the cart after so many results.
_RESULTS_AT_ONCE = 16


class Add(NamedTuple):
    """Add items."""

    proposals: list[Proposal]
    allow_full_price: bool


class SetQuantity(NamedTuple):
    """Set the quantity of an item."""

    item_id: int
    quantity: int
    etag: str


class Remove(NamedTuple):
    """Take an item out."""

    item_id: int
    etag: str


class Clear(NamedTuple):
    """Take all items out."""

    etag: str


type Change = Add | SetQuantity | Remove | Clear


class Operation(NamedTuple):
    """One change of a cart as a client sent it."""

    id: str
    change: Change | None


class State(NamedTuple):
    """The cart as it is now, None where the owner has none."""

    cart: EncodedCart | None

    @property
    def stamp(self) -> Stamp | None:
        """What tells this state from others."""
        return None if self.cart is None else self.cart.stamp


class Outcome(NamedTuple):
    """What became of an operation: either a state of the cart with it, or an error."""

    operation: Operation
    stamp: Stamp | None = None
    result: BatchResult | None = None
    error: Exception | None = None


class Live:
    """Shows carts as they change. Who calls may reach the owner's: that was checked before."""

    def __init__(self, carts: Carts, hub: CartHub) -> None:
        self._carts = carts
        self._hub = hub

    async def watch(self, owner: str) -> AsyncGenerator[State]:
        """Yield the cart as it is now and whenever it has changed, for ever."""
        with self._hub.watching(owner) as watch:
            state = await self._read(owner, watch)
            while True:
                yield state
                shown = state.stamp
                while state.stamp == shown:
                    await watch.wait()
                    state = await self._read(owner, watch)

    async def sync(
        self, owner: str, operations: AsyncIterator[Operation]
    ) -> AsyncGenerator[State | Outcome]:
        """Yield the outcome of each operation in order, and the cart whenever it has changed.

        While the cart is read no operation runs, and what those before have come to was yielded:
        so an outcome always comes before the state that shows it. Ends with the operations, once
        all are answered and the last state was yielded.
        """
        with self._hub.watching(owner) as watch:
            state = await self._read(owner, watch)
            yield state
            shown = state.stamp
            async with _Inbox(operations, watch.wake) as inbox:
                while True:
                    await watch.wait()
                    for operation in inbox.take(_RESULTS_AT_ONCE):
                        yield await self._answer(owner, operation)
                    state = await self._read(owner, watch)
                    if state.stamp != shown:
                        yield state
                        shown = state.stamp
                    if inbox.has_ended():
                        return

    async def _read(self, owner: str, watch: Watch) -> State:
        state = State(await self._carts.find(owner))
        watch.seen = state.stamp
        return state

    async def _answer(self, owner: str, operation: Operation) -> Outcome:
        try:
            with step("cart operation", operation_id=operation.id[:128]):
                return await self._apply(owner, operation)
        except Exception as error:  # noqa: BLE001 (it is the operation's own, the session goes on)
            return Outcome(operation, error=error)

    async def _apply(self, owner: str, operation: Operation) -> Outcome:
        check_batch_id(operation.id, "operation_id")
        match operation.change:
            case Add():
                return await self._add(owner, operation, operation.change)
            case SetQuantity(item_id, quantity, etag):
                cart = await self._carts.update_item(owner, item_id, quantity, etag)
            case Remove(item_id, etag):
                cart = await self._carts.remove_item(owner, item_id, etag)
            case Clear(etag):
                cart = await self._carts.clear(owner, etag)
            case None:
                raise refuse("change", "must be set: add, update, remove or clear")
        return Outcome(operation, cart.stamp)

    async def _add(self, owner: str, operation: Operation, change: Add) -> Outcome:
        sent = SentBatch(owner, operation.id, change.proposals, change.allow_full_price)
        try:
            added = await self._carts.add(owner, sent, MAX_OPERATION_ITEMS)
        except DomainError as error:
            locate(error, operation.id, 0)
            raise
        return Outcome(operation, added.cart.head.stamp, added.result)


class _Inbox:
    """Receives operations ahead, a few of them, and wakes who takes them."""

    def __init__(self, operations: AsyncIterator[Operation], wake: Callable[[], None]) -> None:
        self._operations = operations
        self._wake = wake
        self._queue = asyncio.Queue[Operation](_AHEAD)

    async def __aenter__(self) -> Self:
        self._receiving = asyncio.create_task(self._receive())
        self._receiving.add_done_callback(lambda _: self._wake())
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._receiving.cancel()
        await asyncio.wait((self._receiving,))

    def take(self, most: int) -> Iterator[Operation]:
        """Yield operations that are there."""
        for _ in range(most):
            if self._queue.empty():
                return
            yield self._queue.get_nowait()
        # There may be more.
        self._wake()

    def has_ended(self) -> bool:
        """Return whether all operations were taken; raise what broke their stream."""
        if not self._queue.empty() or not self._receiving.done():
            return False
        self._receiving.result()
        return True

    async def _receive(self) -> None:
        async for operation in self._operations:
            await self._queue.put(operation)
            self._wake()
