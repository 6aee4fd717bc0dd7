"""What the server stops doing when its client goes away, by what can be seen from outside."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, override

import grpc
import pytest

from bodega.product.v1 import product_pb2 as pb
from product.model import Batch, BatchResult, Key, Listing, Slice
from product.service import Catalogue
from product.servicer import encode
from product.store.change_notifier import ChangeHub
from product.store.store import Store
from product.tests.examples import batch, draft, message, next_of, stream
from runtime.clock import Micros
from runtime.database import Database
from runtime.server import Server
from runtime.testing.failure import Failure
from runtime.testing.waiting import PATIENCE_SECONDS, eventually

if TYPE_CHECKING:
    from product.tests.examples import Stub

PRODUCTS = 5000


class CountingStore(Store):
    """The store, which counts what is asked of it."""

    slices = 0
    batches = 0
    is_endless = False

    @override
    async def slice(self, listing: Listing, after: Key | None, limit: int) -> Slice:
        self.slices += 1
        found = await super().slice(listing, after, limit)
        return found._replace(resume=(0,)) if self.is_endless else found

    @override
    async def import_batch(self, batch: Batch, now: Micros) -> BatchResult:
        self.batches += 1
        return await super().import_batch(batch, now)


@pytest.fixture
async def counting(sqlite_database: Database) -> CountingStore:
    store = CountingStore(sqlite_database, encode)
    for start in range(0, PRODUCTS, 1000):
        drafts = [
            draft(f"S{number}", description="x" * 4000) for number in range(start, start + 1000)
        ]
        await Store.import_batch(store, Batch(f"b{start}", b"rows", drafts, []), 1)
    return store


@pytest.fixture
def catalogue(counting: CountingStore, hub: ChangeHub) -> Catalogue:
    return Catalogue(counting, hub)


async def settled(stub: Stub, count: Callable[[], int]) -> int:
    """Return the count once many calls were answered and it stayed as it is."""
    last, unchanged = count(), 0
    while unchanged < 30:
        await stub.GetProduct(pb.GetProductRequest(id=1))
        unchanged = unchanged + 1 if count() == last else 0
        last = count()
    return last


async def test_a_client_that_does_not_read_stops_the_reading_of_the_catalogue(
    stub: Stub, counting: CountingStore
) -> None:
    """Seed fault 12: the listing loaded everything before it streamed."""
    call = stub.StreamProducts(pb.StreamProductsRequest())
    await next_of(call)
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert 1 <= await settled(stub, lambda: counting.slices) < PRODUCTS / 200
    call.cancel()


async def test_a_cancelled_stream_stops_the_reading_of_the_catalogue(
    stub: Stub, counting: CountingStore
) -> None:
    """Seed fault 12: nothing could be cancelled."""
    call = stub.StreamProducts(pb.StreamProductsRequest(chunk_size=1))
    await next_of(call)
    call.cancel()
    async with asyncio.timeout(PATIENCE_SECONDS):
        stopped = await settled(stub, lambda: counting.slices)
        assert stopped < PRODUCTS / 200
        assert await settled(stub, lambda: counting.slices) == stopped
    assert await call.code() == grpc.StatusCode.CANCELLED


async def test_a_search_in_vain_ends_with_its_deadline(
    stub: Stub, counting: CountingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("product.store.listing._SLICE", 1)
    counting.is_endless = True
    nothing = pb.ProductFilter(name_contains="nothing has this name")
    for seconds in (0.2, 1, 5, 25):
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await stub.ListProducts(pb.ListProductsRequest(filter=nothing), timeout=seconds)
        assert ended.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        if counting.slices:  # So it began before its deadline, and not only ended with it.
            break
    assert counting.slices
    async with asyncio.timeout(PATIENCE_SECONDS):
        await settled(stub, lambda: counting.slices)


async def test_a_cancelled_import_keeps_what_was_committed_and_writes_no_more(
    stub: Stub, counting: CountingStore
) -> None:
    sent = asyncio.Event()

    async def requests() -> AsyncIterator[pb.ImportProductsRequest]:
        yield batch("new", [message("NEW")])
        sent.set()
        await asyncio.Event().wait()

    watched = stub.WatchProducts(pb.WatchProductsRequest(after_revision=-1))
    await next_of(watched)
    call = stub.ImportProducts(requests())
    await sent.wait()
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert (await next_of(watched)).changes[0].stored.sku == "NEW"
    call.cancel()
    assert await call.code() == grpc.StatusCode.CANCELLED
    assert await settled(stub, lambda: counting.batches) == 1
    again = await stub.ImportProducts(stream(batch("new", [message("NEW")])))
    assert (again.inserted_count, again.repeated_batch_count) == (1, 1)
    watched.cancel()


async def test_a_watcher_that_went_away_waits_no_more(stub: Stub, hub: ChangeHub) -> None:
    call = stub.WatchProducts(pb.WatchProductsRequest(after_revision=-1))
    await next_of(call)
    await eventually(lambda: hub.waiting == 1)
    call.cancel()
    await eventually(lambda: hub.waiting == 0)


async def test_a_shutdown_ends_watchers_as_unavailable_and_lets_an_import_finish(
    stub: Stub, server: Server
) -> None:
    watched = stub.WatchProducts(pb.WatchProductsRequest(after_revision=-1))
    await next_of(watched)
    begun, hold = asyncio.Event(), asyncio.Event()

    async def requests() -> AsyncIterator[pb.ImportProductsRequest]:
        yield batch("a", [message("A")])
        begun.set()
        await hold.wait()
        yield batch("b", [message("B")])

    importing = asyncio.ensure_future(stub.ImportProducts(requests()))
    await begun.wait()
    assert (await next_of(watched)).changes[0].stored.sku == "A"
    server.stopping.set()
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await next_of(watched)
    found = Failure(ended.value)
    assert (found.code, found.reason) == (grpc.StatusCode.UNAVAILABLE, "SERVER_STOPPING")
    hold.set()
    assert (await importing).inserted_count == 2
