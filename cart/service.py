"""The rules of carts, over a store and what Product and Discount say."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, Protocol

from cart.add_stream import Adding, Prepared, checked_batch, digest_of
from cart.authorization import StreamOwner
from cart.encoded_cart_cache import CartMessages
from cart.errors import cart_not_found
from cart.etags import guard_of
from cart.metrics import count_items
from cart.model import (
    Added,
    AddSummary,
    BatchResult,
    Cart,
    Created,
    EncodedCart,
    Encoder,
    Priced,
    Proposal,
    Request,
    SentBatch,
    Stamp,
    Summary,
)
from cart.pricing.quote import price
from cart.pricing.types import Quoter
from cart.store.change_notifier import CartHub
from cart.validation import (
    MAX_BATCH_ITEMS,
    MAX_CREATE_ITEMS,
    check_change,
    check_item_id,
    check_items,
)
from runtime import page_token
from runtime.auth.caller import Caller
from runtime.clock import Clock, Micros, now_micros
from runtime.in_order import InOrder
from runtime.validation import check_page_size, check_request_id, refuse

# Of a listing: on SQLite a read holds up the event loop, and each cart may hold 500 items.
_SLICE = 50
_LISTING = ("carts",)


class CartStore(Protocol):
    """What the service needs of a store."""

    async def stamp(self, owner: str) -> Stamp | None:
        """Return the state of the owner's cart."""
        ...

    async def get(self, owner: str) -> Cart | None:
        """Return the owner's cart."""
        ...

    async def summary(self, owner: str) -> Summary | None:
        """Return the owner's cart without its lines."""
        ...

    async def page(self, after: str, limit: int) -> list[Summary]:
        """Return the carts of the owners that follow one, without their lines."""
        ...

    async def recall_creation(self, owner: str, request: Request | None) -> Created[Cart] | None:
        """Return what became of the same request before; AlreadyExists for another one."""
        ...

    async def create(
        self, owner: str, priced: Priced, request: Request | None, now: Micros
    ) -> Created[Cart]:
        """Insert a cart, or return it as it is where the request is a repeated one."""
        ...

    async def recall_batch(self, owner: str, batch: Request) -> BatchResult | None:
        """Return what became of the same batch before; NotFound where there is no cart."""
        ...

    async def add(self, owner: str, batch: Request, priced: Priced, now: Micros) -> Added:
        """Add the items of a batch as far as there is room, once."""
        ...

    async def set_quantity(
        self, owner: str, item_id: int, quantity: int, guard: Stamp | None, now: Micros
    ) -> Cart:
        """Set the quantity of an item, if the cart is in that state still or none is given."""
        ...

    async def remove(self, owner: str, item_id: int, guard: Stamp | None, now: Micros) -> Cart:
        """Take an item out, on the same condition."""
        ...

    async def clear(self, owner: str, guard: Stamp | None, now: Micros) -> Cart:
        """Take all items out, on the same condition."""
        ...

    async def delete(self, owner: str, guard: Stamp | None) -> None:
        """Delete the cart, on the same condition."""
        ...


class Page(NamedTuple):
    """A page of the carts; an empty token says that it is the last one."""

    carts: list[Summary]
    next_page_token: str


class Carts:
    """The carts of all owners. Who calls may reach the owner's: that was checked before."""

    def __init__(
        self,
        store: CartStore,
        quoter: Quoter,
        hub: CartHub,
        encode: Encoder,
        *,
        messages: CartMessages | None = None,
        clock: Clock = now_micros,
    ) -> None:
        self._store = store
        self._quoter = quoter
        self._hub = hub
        self._encode = encode
        self._messages = messages or CartMessages()
        self._clock = clock

    async def create(
        self, owner: str, proposals: Sequence[Proposal], *, allow_full_price: bool, request_id: str
    ) -> Created[EncodedCart]:
        """Make the owner's cart with these items, of which bad ones are left out."""
        check_items(len(proposals), 0, MAX_CREATE_ITEMS)
        request = None
        if request_id:
            request = Request(check_request_id(request_id), digest_of(proposals))
        # Before anybody is asked for a price, or a code is redeemed for nothing.
        created = await self._store.recall_creation(owner, request)
        if created is None:
            priced = await price(self._quoter, owner, proposals, allow_full_price=allow_full_price)
            created = await self._store.create(owner, priced, request, self._clock())
        if not created.is_repeated:
            count_items(created.result)
            self._hub.changed(owner)
        return Created(self._encoded(created.cart), created.result, created.is_repeated)

    async def get(self, owner: str) -> EncodedCart:
        """Return the owner's cart."""
        cart = await self.find(owner)
        if cart is None:
            raise cart_not_found(owner)
        return cart

    async def find(self, owner: str) -> EncodedCart | None:
        """Return the owner's cart, None where there is none."""
        stamp = await self._store.stamp(owner)
        if stamp is None:
            return None
        kept = self._messages.get(stamp)
        if kept is not None:
            return kept
        cart = await self._store.get(owner)
        return None if cart is None else self._encoded(cart)

    async def list_page(self, page_size: int, token: str) -> Page:
        """Return a page of all carts, without their items."""
        size = check_page_size(page_size)
        after = str(page_token.decode(_LISTING, token, (str,))[0]) if token else ""
        found: list[Summary] = []
        # One more than a page holds, to learn whether there is a next one.
        while len(found) <= size:
            part = await self._store.page(after, min(_SLICE, size + 1 - len(found)))
            found += part
            if not part:
                return Page(found, "")
            after = part[-1].head.owner
            # A long listing lets other calls run, and ends with its own call.
            await asyncio.sleep(0)
        return Page(found[:size], page_token.encode(_LISTING, (found[size - 1].head.owner,)))

    async def delete(self, owner: str, etag: str) -> None:
        """Delete the owner's cart."""
        await self._store.delete(owner, guard_of(etag))
        self._hub.changed(owner)

    async def add_batches(self, caller: Caller, batches: AsyncIterator[SentBatch]) -> AddSummary:
        """Add the batches of a stream, each one durable before the summary is returned."""
        async with InOrder() as order:
            adding = Adding(self._prepare, self._write, StreamOwner(caller), order)
            async for sent in batches:
                await adding.add(sent)
            await order.settle()
        if not adding.batches:
            raise refuse("batch_id", "the stream must hold at least one batch")
        return adding.summary

    async def add(self, owner: str, sent: SentBatch, most: int = MAX_BATCH_ITEMS) -> Added:
        """Add the items of one batch."""
        batch = checked_batch(sent, most)
        return await self._write(owner, batch, await self._prepare(owner, batch, sent))

    async def _prepare(self, owner: str, batch: Request, sent: SentBatch) -> Prepared:
        # First, so that a retry works while Product is away.
        earlier = await self._store.recall_batch(owner, batch)
        if earlier is not None:
            return earlier
        return await price(
            self._quoter, owner, sent.proposals, allow_full_price=sent.allow_full_price
        )

    async def _write(self, owner: str, batch: Request, prepared: Prepared) -> Added:
        if isinstance(prepared, BatchResult):
            # Read only now: the batches before are in it.
            cart = await self._store.summary(owner)
            if cart is None:
                raise cart_not_found(owner)
            return Added(cart, prepared, is_repeated=True)
        added = await self._store.add(owner, batch, prepared, self._clock())
        if not added.is_repeated:
            count_items(added.result)
            self._hub.changed(owner)
        return added

    async def update_item(self, owner: str, item_id: int, quantity: int, etag: str) -> EncodedCart:
        """Set the quantity of an item."""
        check_change(item_id, quantity)
        guard = guard_of(etag)
        cart = await self._store.set_quantity(owner, item_id, quantity, guard, self._clock())
        return self._changed(cart)

    async def remove_item(self, owner: str, item_id: int, etag: str) -> EncodedCart:
        """Take an item out."""
        check_item_id(item_id)
        cart = await self._store.remove(owner, item_id, guard_of(etag), self._clock())
        return self._changed(cart)

    async def clear(self, owner: str, etag: str) -> EncodedCart:
        """Take all items out."""
        return self._changed(await self._store.clear(owner, guard_of(etag), self._clock()))

    def _changed(self, cart: Cart) -> EncodedCart:
        self._hub.changed(cart.head.owner)
        return self._encoded(cart)

    def _encoded(self, cart: Cart) -> EncodedCart:
        return self._messages.keep(cart.head.stamp, self._encode(cart))
