"""The rules of the catalogue, over a store."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple, Protocol

from product.errors import not_found, revision_ahead
from product.import_stream import Import
from product.metrics import count_import
from product.model import (
    Batch,
    BatchResult,
    Change,
    Changes,
    Column,
    CreateRequest,
    Draft,
    Filter,
    ImportSummary,
    Key,
    Listing,
    Message,
    Order,
    Product,
    Proposal,
    Slice,
    key_of,
)
from product.store.change_notifier import ChangeHub
from product.validation import (
    check_chunk_size,
    check_filter,
    check_id,
    check_ids,
    check_mask,
    check_proposal,
    columns_of,
    draft_of,
)
from runtime import page_token
from runtime.chunks import CHUNK_SIZE, cut
from runtime.clock import Clock, Micros, now_micros
from runtime.etag import revision_of
from runtime.in_order import InOrder
from runtime.validation import check_page_size, check_request_id, refuse

DEFAULT_CHUNK = 200
FROM_NOW_ON = -1
# In bytes. A message may have 4 MiB: the rest is for the token, and for what stands around each
# product.
_PAGE_SIZE = (4096 - 64) * 1024


class Products(Protocol):
    """What the service needs of a store."""

    async def get(self, product_id: int) -> Message | None:
        """Return one product."""

    async def get_many(self, ids: Sequence[int]) -> dict[int, Message]:
        """Return those of the products that exist, by id."""
        ...

    async def slice(self, listing: Listing, after: Key | None, limit: int) -> Slice:
        """Return a part of a listing."""
        ...

    async def create(self, draft: Draft, request: CreateRequest | None, now: Micros) -> Product:
        """Insert a product, or return it as it was inserted by the same request before."""
        ...

    async def update(
        self, product_id: int, etag_revision: int | None, columns: Mapping[str, Column], now: Micros
    ) -> Product:
        """Change columns of a product, if it is at that revision still or none is given."""
        ...

    async def delete(self, product_id: int, etag_revision: int | None, now: Micros) -> int:
        """Delete a product, on the same condition; return the revision of that change."""
        ...

    async def import_batch(self, batch: Batch, now: Micros) -> BatchResult:
        """Insert or update the rows of a batch, once."""
        ...

    async def revision(self) -> int:
        """Return the revision of the last change."""
        ...

    async def changes(self, after: int, deletions_after: int, limit: int) -> Changes:
        """Return up to `limit` changes after a revision, deletions after another."""
        ...


class Found(NamedTuple):
    """The products of a batch read, and the ids that belong to none."""

    messages: list[Message]
    missing_ids: list[int]


class Page(NamedTuple):
    """A page of a listing; an empty token says that it is the last one."""

    messages: list[Message]
    next_page_token: str


class Catalogue:
    """Products: single ones, listings, imports and changes."""

    def __init__(self, store: Products, hub: ChangeHub, *, clock: Clock = now_micros) -> None:
        self._store = store
        self._hub = hub
        self._clock = clock

    async def get(self, product_id: int) -> Message:
        """Return a product."""
        message = await self._store.get(product_id)
        if message is None:
            # Checked no earlier, because no product has an id that breaks the rule.
            raise not_found(check_id(product_id))
        return message

    async def get_many(self, ids: Sequence[int]) -> Found:
        """Return the products with these ids, in the order of the ids."""
        wanted = check_ids(ids)
        found = await self._store.get_many(wanted)
        return Found(
            [found[each] for each in wanted if each in found],
            [each for each in wanted if each not in found],
        )

    async def list_page(self, asked: Filter, order: Order, page_size: int, token: str) -> Page:
        """Return a page of a listing."""
        size = check_page_size(page_size)
        listing = Listing(check_filter(asked), order)
        query = _query(listing)
        after = page_token.decode(query, token, order.key_shape) if token else None
        # One more than a page holds, to learn whether there is a next one.
        found = await self._first(listing, after, size + 1)
        page = next(cut(found.messages, size, _PAGE_SIZE, len), [])
        if len(page) == len(found.rows):
            return Page(page, "")
        return Page(page, page_token.encode(query, key_of(found.rows[len(page) - 1])))

    async def _first(self, listing: Listing, after: Key | None, count: int) -> Slice:
        found = Slice([], after)
        while True:
            part = await self._store.slice(listing, found.resume, count - len(found.rows))
            found = Slice(found.rows + part.rows, part.resume)
            if found.resume is None or len(found.rows) == count:
                return found
            # A long search lets other calls run, and ends with its own call.
            await asyncio.sleep(0)

    async def stream(
        self, asked: Filter, after_id: int, chunk_size: int
    ) -> AsyncGenerator[Sequence[Message]]:
        """Yield the products of a filter in chunks, in order of id."""
        if after_id < 0:
            raise refuse("after_id", "must not be negative")
        size = check_chunk_size(chunk_size, DEFAULT_CHUNK)
        listing = Listing(check_filter(asked), Order.ID)
        after: Key | None = (after_id,)
        while after is not None:
            part = await self._store.slice(listing, after, max(size, DEFAULT_CHUNK))
            for chunk in cut(part.messages, size, CHUNK_SIZE, len):
                yield chunk
            after = part.resume
            await asyncio.sleep(0)

    async def create(self, proposal: Proposal, request_id: str) -> Product:
        """Store a new product."""
        check_proposal(proposal)
        draft = draft_of(proposal)
        request = None
        if request_id:
            digest = sha256(json.dumps(draft).encode()).digest()
            request = CreateRequest(check_request_id(request_id), digest)
        product = await self._store.create(draft, request, self._clock())
        self._hub.advance(product.revision)
        return product

    async def update(
        self, product_id: int, etag: str, proposal: Proposal, paths: Collection[str]
    ) -> Product:
        """Change the fields that the mask's paths name."""
        check_id(product_id, "product.id")
        fields = check_mask(paths)
        check_proposal(proposal, fields)
        product = await self._store.update(
            product_id, revision_of(etag), columns_of(proposal, fields), self._clock()
        )
        self._hub.advance(product.revision)
        return product

    async def delete(self, product_id: int, etag: str) -> None:
        """Delete a product."""
        check_id(product_id)
        revision = await self._store.delete(product_id, revision_of(etag), self._clock())
        self._hub.advance(revision)

    async def import_batches(
        self, batches: AsyncIterator[tuple[str, Sequence[Proposal]]]
    ) -> ImportSummary:
        """Write the batches of a stream, each one durable before the summary is returned."""
        async with InOrder() as order:
            importing = Import(self._import_batch, order)
            async for batch_id, proposals in batches:
                await importing.add(batch_id, proposals)
            await order.settle()
        if not importing.batches:
            raise refuse("batch_id", "the stream must hold at least one batch")
        count_import(importing.summary)
        return importing.summary

    async def import_batch(self, batch_id: str, proposals: Sequence[Proposal]) -> ImportSummary:
        """Write one batch, durable before its summary is returned."""

        async def only() -> AsyncGenerator[tuple[str, Sequence[Proposal]]]:
            yield batch_id, proposals

        return await self.import_batches(only())

    async def _import_batch(self, batch: Batch) -> BatchResult:
        result = await self._store.import_batch(batch, self._clock())
        self._hub.advance(result.revision)
        return result

    async def watch(self, after_revision: int) -> AsyncGenerator[Changes]:
        """Yield the changes after a revision for ever; first at once, where there are none too."""
        newest = await self._store.revision()
        reached = _watch_start(after_revision, newest)
        # Who begins with nothing need not hear of what was deleted before.
        deletions_after = reached or newest
        is_first = True
        while True:
            found = await self._store.changes(reached, deletions_after, DEFAULT_CHUNK)
            if found.changes or is_first:
                for chunk in _cut_changes(found):
                    yield chunk
            is_first = False
            reached = found.revision
            if found.is_complete:
                await self._hub.wait_past(reached)
            else:
                await asyncio.sleep(0)


def _query(listing: Listing) -> page_token.Query:
    asked = listing.filter
    return (
        listing.order.name,
        asked.statuses,
        asked.currency,
        asked.min_minor,
        asked.max_minor,
        asked.name_contains,
    )


def _watch_start(after_revision: int, newest: int) -> int:
    if after_revision < FROM_NOW_ON:
        raise refuse("after_revision", "must be -1 or greater")
    if after_revision > newest:
        raise revision_ahead(newest)
    return newest if after_revision == FROM_NOW_ON else after_revision


def _change_size(change: Change) -> int:
    return len(change.message) if change.message else 20


def _cut_changes(found: Changes) -> list[Changes]:
    """Return the changes in messages, of which only the last covers all that was looked at."""
    chunks = list(cut(found.changes, DEFAULT_CHUNK, CHUNK_SIZE, _change_size)) or [[]]
    parts = [Changes(chunk, chunk[-1].revision, is_complete=False) for chunk in chunks[:-1]]
    return [*parts, Changes(chunks[-1], found.revision, found.is_complete)]
