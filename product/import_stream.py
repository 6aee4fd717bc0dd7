"""One import stream: a batch is written while the next one is received and checked."""

import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from hashlib import sha256

from product.model import Batch, BatchResult, ImportSummary, Proposal
from product.validation import check_batch, sort_out
from runtime.errors import DomainError, InvalidArgument
from runtime.in_order import InOrder, locate
from runtime.money import Money
from runtime.tracing import step

MAX_LISTED_REJECTIONS = 10_000


def checked_batch(batch_id: str, proposals: Sequence[Proposal]) -> Batch:
    """Return what is to be written; raise InvalidArgument for a batch that breaks a limit."""
    check_batch(batch_id, len(proposals))
    drafts, rejections = sort_out(proposals)
    return Batch(batch_id, digest_of(proposals), drafts, rejections)


def digest_of(proposals: Iterable[Proposal]) -> bytes:
    """Return what tells these rows from others, the same in any version of the code."""
    rows = [
        (
            each.sku,
            each.name,
            each.description,
            (each.price.currency, each.price.minor)
            if isinstance(each.price, Money)
            else each.price[:3],
            each.status,
        )
        for each in proposals
    ]
    return sha256(json.dumps(rows, separators=(",", ":")).encode()).digest()


class Import:
    """Checks batches while the one before is written, and adds up the results."""

    def __init__(self, write: Callable[[Batch], Awaitable[BatchResult]], order: InOrder) -> None:
        self.summary = ImportSummary()
        self.batches = 0
        self._write = write
        self._order = order

    async def add(self, batch_id: str, proposals: Sequence[Proposal]) -> None:
        """Begin to write a batch, once the one before is written."""
        index = self.batches
        self.batches += 1
        try:
            batch = checked_batch(batch_id, proposals)
        except InvalidArgument as error:
            # The batch before is kept, or else its own failure is the one to tell.
            await self._order.settle()
            locate(error, batch_id, index)
            raise
        await self._order.begin(partial(self._write_one, batch, index))

    async def _write_one(self, batch: Batch, index: int) -> None:
        try:
            with step("import batch", batch_id=batch.batch_id, rows=len(batch.drafts)):
                result = await self._write(batch)
        except DomainError as error:
            locate(error, batch.batch_id, index)
            raise
        self._add_up(batch.batch_id, result)

    def _add_up(self, batch_id: str, result: BatchResult) -> None:
        total = self.summary
        total.inserted += result.inserted
        total.updated += result.updated
        total.unchanged += result.unchanged
        total.rejected += len(result.rejections)
        total.repeated_batches += result.is_repeated
        room = MAX_LISTED_REJECTIONS - len(total.rejections)
        total.rejections += ((batch_id, each) for each in result.rejections[:room])
