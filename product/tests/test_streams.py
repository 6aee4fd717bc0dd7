"""The streaming calls through a real stub, on both engines."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from bodega.product.v1 import product_pb2 as pb
from product.tests.examples import batch, message, money, next_of, stream
from runtime.testing.failure import Failure
from runtime.testing.waiting import PATIENCE_SECONDS

if TYPE_CHECKING:
    from product.tests.examples import Stub


def rows(start: int, count: int, **fields: Any) -> list[pb.Product]:
    return [message(f"S{number:06}", **fields) for number in range(start, start + count)]


async def fill(stub: Stub, count: int) -> None:
    requests = (
        batch(f"fill-{start}", rows(start, min(500, count - start)))
        for start in range(0, count, 500)
    )
    await stub.ImportProducts(stream(*requests))


async def read(stub: Stub, **request: Any) -> list[list[pb.Product]]:
    call = stub.StreamProducts(pb.StreamProductsRequest(**request))
    return [list(chunk.products) async for chunk in call]


def totals(response: pb.ImportProductsResponse) -> tuple[int, ...]:
    return (
        response.inserted_count,
        response.updated_count,
        response.unchanged_count,
        response.rejected_count,
        response.repeated_batch_count,
    )


async def test_the_catalogue_streams_in_chunks_in_order_of_id(
    stub: Stub,
) -> None:
    await fill(stub, 450)
    chunks = await read(stub)
    assert [len(chunk) for chunk in chunks] == [200, 200, 50]
    ids = [each.id for chunk in chunks for each in chunk]
    assert ids == sorted(set(ids))


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_a_stream_has_the_chunk_size_asked_for(stub: Stub, size: int) -> None:
    await fill(stub, 210)
    chunks = await read(stub, chunk_size=size)
    assert [len(chunk) for chunk in chunks[:-1]] == [size] * (len(chunks) - 1) or size == 7
    assert max(len(chunk) for chunk in chunks) <= size
    assert [each.sku for chunk in chunks for each in chunk] == [each.sku for each in rows(0, 210)]


async def test_chunks_of_large_products_stay_near_64_kib(stub: Stub) -> None:
    await stub.ImportProducts(stream(batch("b", rows(0, 100, description="x" * 4000))))
    chunks = await read(stub, chunk_size=1000)
    assert sum(map(len, chunks)) == 100
    sizes = [pb.StreamProductsResponse(products=chunk).ByteSize() for chunk in chunks]
    assert max(sizes) <= 64 * 1024
    assert len(chunks) == 7


async def test_a_stream_resumes_after_an_id(stub: Stub) -> None:
    await fill(stub, 30)
    everything = [each for chunk in await read(stub) for each in chunk]
    rest = [each for chunk in await read(stub, after_id=everything[9].id) for each in chunk]
    assert rest == everything[10:]


async def test_a_stream_takes_its_filter_into_account(stub: Stub) -> None:
    await stub.ImportProducts(
        stream(batch("b", rows(0, 10)), batch("c", rows(10, 10, price=money(7, 0, "JPY"))))
    )
    chunks = await read(stub, filter=pb.ProductFilter(currency_code="JPY"))
    assert [each.sku for chunk in chunks for each in chunk] == [each.sku for each in rows(10, 10)]


async def test_an_empty_catalogue_streams_nothing(stub: Stub) -> None:
    assert await read(stub) == []


async def test_an_import_counts_what_became_of_each_row(stub: Stub) -> None:
    """Seed fault 13: the insert count counted something else."""
    await stub.ImportProducts(stream(batch("before", rows(0, 5))))
    bad = [message("S000009", price=money(-1)), message("", name="")]
    response = await stub.ImportProducts(
        stream(
            batch("a", rows(0, 3, name="Other") + bad),
            batch("b", rows(3, 4) + rows(3, 1)),
        )
    )
    assert totals(response) == (2, 5, 2, 3, 0)
    assert [(each.batch_id, each.index, each.field) for each in response.rejected_products] == [
        ("a", 3, "price.units"),
        ("a", 4, "sku"),
        ("b", 4, "sku"),
    ]
    assert response.rejected_products[0].description == "must not be negative"
    assert sum(map(len, await read(stub))) == 7


async def test_a_repeated_batch_is_harmless(stub: Stub) -> None:
    sent = batch("a", [*rows(0, 5), message("bad sku")])
    first = await stub.ImportProducts(stream(sent))
    before = await read(stub)
    again = await stub.ImportProducts(stream(sent, batch("b", rows(5, 1))))
    assert totals(first) == (5, 0, 0, 1, 0)
    assert totals(again) == (6, 0, 0, 1, 1)
    assert again.rejected_products == first.rejected_products
    assert (await read(stub))[0][:5] == before[0]


async def test_the_same_batch_id_with_other_rows_is_refused_and_what_came_before_is_kept(
    stub: Stub,
) -> None:
    await stub.ImportProducts(stream(batch("a", rows(0, 1))))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.ImportProducts(stream(batch("b", rows(1, 1)), batch("a", rows(2, 1))))
    failure = Failure(refused.value)
    assert failure.code == grpc.StatusCode.FAILED_PRECONDITION
    assert failure.reason == "BATCH_ID_REUSED"
    assert failure.metadata == {"field": "batch_id", "batch_id": "a", "batch_index": "1"}
    assert [each.sku for each in (await read(stub))[0]] == ["S000000", "S000001"]


async def test_the_same_batch_sent_twice_at_once_is_applied_once(
    stub: Stub,
) -> None:
    sent = batch("a", rows(0, 200))
    first, second = await asyncio.gather(*(stub.ImportProducts(stream(sent)) for _ in range(2)))
    assert first.inserted_count == second.inserted_count == 200
    assert first.repeated_batch_count + second.repeated_batch_count == 1
    assert sum(map(len, await read(stub))) == 200


async def test_concurrent_imports_of_overlapping_skus_hold_each_product_once(
    stub: Stub,
) -> None:
    responses = await asyncio.gather(
        *(
            stub.ImportProducts(
                stream(
                    *(
                        batch(f"{client}-{start}", rows(start, 50, name=f"N{client}"))
                        for start in range(0, 200, 25)
                    )
                )
            )
            for client in range(4)
        )
    )
    assert sum(each.inserted_count for each in responses) == 225
    assert sum(each.inserted_count + each.updated_count for each in responses) == 4 * 8 * 50
    skus = [each.sku for chunk in await read(stub) for each in chunk]
    assert sorted(skus) == [each.sku for each in rows(0, 225)]


async def test_batches_are_durable_while_the_stream_goes_on(
    stub: Stub,
) -> None:
    """Seed fault 12: a bulk insert buffered everything."""
    watched = stub.WatchProducts(pb.WatchProductsRequest())
    assert (await next_of(watched)).revision == 0
    hold = asyncio.Event()

    async def requests() -> AsyncIterator[pb.ImportProductsRequest]:
        yield batch("a", rows(0, 3))
        await hold.wait()
        yield batch("b", rows(3, 3))

    importing = asyncio.ensure_future(stub.ImportProducts(requests()))
    async with asyncio.timeout(PATIENCE_SECONDS):
        seen = await next_of(watched)
    assert len(seen.changes) == 3
    assert not importing.done()
    assert sum(map(len, await read(stub))) == 3
    hold.set()
    assert (await importing).inserted_count == 6
    watched.cancel()


async def test_a_watcher_sees_the_catalogue_and_then_each_change(
    stub: Stub,
) -> None:
    created = await stub.CreateProduct(pb.CreateProductRequest(product=message("A")))
    watched = stub.WatchProducts(pb.WatchProductsRequest(after_revision=0))
    async with asyncio.timeout(PATIENCE_SECONDS):
        first = await next_of(watched)
        assert [each.stored for each in first.changes] == [created.product]
        assert first.revision == first.changes[0].revision
        await stub.DeleteProduct(pb.DeleteProductRequest(id=created.product.id))
        second = await next_of(watched)
    assert [each.deleted_id for each in second.changes] == [created.product.id]
    assert second.revision > first.revision
    watched.cancel()


async def test_a_watcher_from_now_on_is_told_at_once_where_it_starts(
    stub: Stub,
) -> None:
    await fill(stub, 10)
    watched = stub.WatchProducts(pb.WatchProductsRequest(after_revision=-1))
    async with asyncio.timeout(PATIENCE_SECONDS):
        first = await next_of(watched)
        assert (len(first.changes), first.revision) == (0, 10)
        await stub.CreateProduct(pb.CreateProductRequest(product=message("A")))
        assert [each.stored.sku for each in (await next_of(watched)).changes] == ["A"]
    watched.cancel()


async def test_a_watcher_resumes_and_misses_nothing(stub: Stub) -> None:
    await fill(stub, 450)
    watched = stub.WatchProducts(pb.WatchProductsRequest(after_revision=0))
    async with asyncio.timeout(PATIENCE_SECONDS):
        first = await next_of(watched)
    watched.cancel()
    assert len(first.changes) == 200
    await stub.DeleteProduct(pb.DeleteProductRequest(id=first.changes[0].stored.id))
    again = stub.WatchProducts(pb.WatchProductsRequest(after_revision=first.revision))
    changes: list[pb.ProductChange] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(changes) < 251:
            changes += (await next_of(again)).changes
    again.cancel()
    revisions = [each.revision for each in changes]
    assert revisions == sorted(set(revisions))
    assert changes[-1].deleted_id == first.changes[0].stored.id
    assert len({each.stored.id for each in changes[:-1]}) == 250


async def test_many_watchers_all_see_each_change_in_order(stub: Stub) -> None:
    async def watch() -> list[str]:
        seen: list[str] = []
        call = stub.WatchProducts(pb.WatchProductsRequest(after_revision=0))
        async for part in call:
            seen += [each.stored.sku for each in part.changes]
            if len(seen) == 20:
                return seen
        raise AssertionError

    async with asyncio.timeout(PATIENCE_SECONDS):
        watching = [asyncio.create_task(watch()) for _ in range(8)]
        for number in range(20):
            product = message(f"S{number:02}")
            await stub.CreateProduct(pb.CreateProductRequest(product=product))
        seen = await asyncio.gather(*watching)
    assert seen == [[f"S{number:02}" for number in range(20)]] * 8


async def test_a_watcher_that_stopped_reading_holds_up_nobody(
    stub: Stub,
) -> None:
    slow = stub.WatchProducts(pb.WatchProductsRequest(after_revision=0))
    await next_of(slow)
    large = {"description": "x" * 4000}
    for number, name in itertools.product(range(10), "ab"):
        rows_sent = rows(0, 100, name=f"{name}{number}", **large)
        await stub.ImportProducts(stream(batch(f"{name}{number}", rows_sent)))
    seen: dict[str, str] = {}
    reached = 0
    async with asyncio.timeout(PATIENCE_SECONDS):
        while reached < 2000:
            part = await next_of(slow)
            seen |= {each.stored.sku: each.stored.name for each in part.changes}
            reached = part.revision
    slow.cancel()
    assert set(seen.values()) == {"b9"}
    assert len(seen) == 100
