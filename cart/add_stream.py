"""One stream of batches: a batch is written while the next one is received and priced."""

import json
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from hashlib import sha256

from cart.authorization import StreamOwner
from cart.model import Added, AddSummary, BatchResult, Priced, Proposal, Request, SentBatch
from cart.validation import MAX_BATCH_ITEMS, MAX_STREAM_ITEMS, check_items
from runtime.errors import DomainError
from runtime.in_order import InOrder, locate
from runtime.tracing import step
from runtime.validation import check_batch_id, refuse

# A batch that is to be written, or what became of it before.
type Prepared = Priced | BatchResult


def digest_of(proposals: Iterable[Proposal]) -> bytes:
    """Return what tells these items from others, the same in any version of the code."""
    return sha256(json.dumps([*proposals], separators=(",", ":")).encode()).digest()


def checked_batch(sent: SentBatch, most: int = MAX_BATCH_ITEMS) -> Request:
    """Return what recognises the batch; raise InvalidArgument for one that breaks a limit."""
    check_batch_id(sent.batch_id)
    check_items(len(sent.proposals), 1, most)
    return Request(sent.batch_id, digest_of(sent.proposals))


class Adding:
    """Prepares batches while the one before is written, and adds up the results."""

    def __init__(
        self,
        prepare: Callable[[str, Request, SentBatch], Awaitable[Prepared]],
        write: Callable[[str, Request, Prepared], Awaitable[Added]],
        owner: StreamOwner,
        order: InOrder,
    ) -> None:
        self.summary = AddSummary()
        self.batches = 0
        self._items = 0
        self._prepare = prepare
        self._write = write
        self._owner = owner
        self._order = order

    async def add(self, sent: SentBatch) -> None:
        """Begin to write a batch, once it is priced and the one before is written."""
        index = self.batches
        self.batches += 1
        try:
            owner = self._owner.of(sent.owner)
            batch = checked_batch(sent)
            self._count(len(sent.proposals))
            with step("price batch", batch_id=batch.id):
                prepared = await self._prepare(owner, batch, sent)
        except DomainError as error:
            # The batch before is kept, or else its own failure is the one to tell.
            await self._order.settle()
            locate(error, sent.batch_id, index)
            raise
        await self._order.begin(partial(self._write_one, owner, batch, prepared, index))

    def _count(self, items: int) -> None:
        self._items += items
        if self._items > MAX_STREAM_ITEMS:
            raise refuse("items", f"must be {MAX_STREAM_ITEMS:,} at most in one stream")

    async def _write_one(self, owner: str, batch: Request, prepared: Prepared, index: int) -> None:
        try:
            with step("add batch", batch_id=batch.id):
                added = await self._write(owner, batch, prepared)
        except DomainError as error:
            locate(error, batch.id, index)
            raise
        self._add_up(batch.id, added)

    def _add_up(self, batch_id: str, added: Added) -> None:
        total = self.summary
        total.cart = added.cart
        total.added += added.result.added
        total.rejected += len(added.result.rejected)
        total.repeated_batches += added.is_repeated
        total.rejections += ((batch_id, each) for each in added.result.rejected)
        total.warnings += ((batch_id, each) for each in added.result.warnings)
