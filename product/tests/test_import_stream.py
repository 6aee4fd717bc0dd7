import asyncio
from collections.abc import Awaitable, Callable

import pytest

from product.import_stream import MAX_LISTED_REJECTIONS, Import, checked_batch, digest_of
from product.model import Batch, BatchResult, Proposal, Rejection
from runtime.errors import InvalidArgument, Unavailable
from runtime.in_order import InOrder
from runtime.money import Money
from runtime.reason import Reason


def proposal(sku: str) -> Proposal:
    return Proposal(sku, "Tea", "", Money("EUR", 1), 1)


async def run_import(
    write: Callable[[Batch], Awaitable[BatchResult]], *batches: tuple[str, list[Proposal]]
) -> None:
    async with InOrder() as order:
        importing = Import(write, order)
        for batch_id, proposals in batches:
            await importing.add(batch_id, proposals)
        await order.settle()


class Writer:
    """Writes a batch when the test lets it."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.written: list[str] = []
        self.allowed = asyncio.Semaphore(0)

    async def __call__(self, batch: Batch) -> BatchResult:
        self.begun.append(batch.batch_id)
        await self.allowed.acquire()
        self.written.append(batch.batch_id)
        return BatchResult(len(batch.drafts), 0, 0, batch.rejections, 1, is_repeated=False)


async def test_the_next_batch_is_taken_while_one_is_written_and_no_more() -> None:
    writer = Writer()
    async with InOrder() as order:
        importing = Import(writer, order)
        await importing.add("a", [proposal("1")])
        second = asyncio.create_task(importing.add("b", [proposal("2")]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert writer.begun == ["a"]
        assert not second.done()
        writer.allowed.release()
        await second
        writer.allowed.release()
        await order.settle()
    assert writer.written == ["a", "b"]
    assert importing.summary.inserted == 2


async def test_a_bad_batch_is_told_after_the_one_before_is_kept() -> None:
    writer = Writer()
    writer.allowed.release()
    with pytest.raises(InvalidArgument) as refused:
        await run_import(writer, ("a", [proposal("1")]), ("b", []))
    assert writer.written == ["a"]
    assert refused.value.metadata["batch_id"] == "b"
    assert refused.value.metadata["batch_index"] == "1"


async def test_the_failure_of_a_write_goes_before_that_of_the_next_batch() -> None:
    async def away(_batch: Batch) -> BatchResult:
        raise Unavailable("away", reason=Reason.DATABASE_AWAY)

    with pytest.raises(Unavailable) as failed:
        await run_import(away, ("a", [proposal("1")]), ("", []))
    assert failed.value.metadata["batch_id"] == "a"


async def test_a_stream_that_breaks_leaves_no_write_behind() -> None:
    writer = Writer()
    writer.allowed.release()

    async def broken_stream() -> None:
        async with InOrder() as order:
            await Import(writer, order).add("a", [proposal("1")])
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await broken_stream()
    assert writer.written == ["a"]


async def test_only_so_many_rejections_are_listed_and_all_are_counted() -> None:
    async def reject(batch: Batch) -> BatchResult:
        return BatchResult(0, 0, 0, [Rejection(0, "sku", "bad")] * 999, 1, is_repeated=True)

    async with InOrder() as order:
        importing = Import(reject, order)
        for number in range(11):
            await importing.add(f"b{number}", [proposal("1")])
        await order.settle()
    assert importing.summary.rejected == 11 * 999
    assert len(importing.summary.rejections) == MAX_LISTED_REJECTIONS
    assert importing.summary.repeated_batches == 11


def test_the_digest_tells_rows_apart_and_nothing_else() -> None:
    rows = [proposal("1"), proposal("2")]
    assert digest_of(rows) == digest_of(list(rows))
    assert digest_of(rows) != digest_of(rows[::-1])
    assert digest_of(rows) != digest_of([rows[0], rows[1]._replace(description="x")])
    assert digest_of(rows) != digest_of([rows[0], rows[1]._replace(price=Money("JPY", 1))])


def test_the_digest_covers_rows_that_are_rejected() -> None:
    good = checked_batch("b", [proposal("1"), proposal("")])
    other = checked_batch("b", [proposal("1"), proposal(" ")])
    assert good.drafts == other.drafts
    assert good.digest != other.digest
