"""How one stream of batches is worked through."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from cart.add_stream import Adding, Prepared, checked_batch, digest_of
from cart.authorization import StreamOwner
from cart.model import (
    Added,
    BatchResult,
    Head,
    ItemIssue,
    Notice,
    Proposal,
    Request,
    SentBatch,
    Summary,
    Totals,
)
from cart.tests.examples import CUP, TEA, priced, proposal
from runtime.auth.caller import Caller
from runtime.errors import InvalidArgument, Unavailable
from runtime.in_order import InOrder
from runtime.reason import Reason

ANN = Caller("ann", "web", frozenset({"carts"}))
CART = Summary(Head(1, "ann", 1, 0, 0), Totals(0, 0, "", 0, 0))


def sent(batch_id: str, *proposals: Proposal) -> SentBatch:
    return SentBatch("", batch_id, list(proposals or [proposal()]), allow_full_price=False)


async def nothing_known(_owner: str, _batch: Request, _sent: SentBatch) -> Prepared:
    return priced()


class Writer:
    """Writes a batch when the test lets it."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.written: list[str] = []
        self.allowed = asyncio.Semaphore(0)

    async def __call__(self, _owner: str, batch: Request, _prepared: Prepared) -> Added:
        self.begun.append(batch.id)
        await self.allowed.acquire()
        self.written.append(batch.id)
        notice = Notice(0, ItemIssue.INVALID, "quantity", "must be good")
        return Added(CART, BatchResult(2, [notice], [notice]), is_repeated=batch.id == "again")


def adding(
    order: InOrder,
    write: Callable[[str, Request, Prepared], Awaitable[Added]],
    prepare: Callable[[str, Request, SentBatch], Awaitable[Prepared]] = nothing_known,
) -> Adding:
    return Adding(prepare, write, StreamOwner(ANN), order)


async def test_a_batch_is_priced_while_the_one_before_is_written_and_no_more() -> None:
    writer = Writer()
    priced_: list[str] = []

    async def prepare(_owner: str, batch: Request, _sent: SentBatch) -> Prepared:
        priced_.append(batch.id)
        return priced()

    async with InOrder() as order:
        made = adding(order, writer, prepare)
        await made.add(sent("a"))
        second = asyncio.create_task(made.add(sent("b")))
        for _ in range(5):
            await asyncio.sleep(0)
        assert (priced_, writer.begun) == (["a", "b"], ["a"])
        assert not second.done()
        writer.allowed.release()
        await second
        writer.allowed.release()
        await order.settle()
    assert writer.written == ["a", "b"]


async def test_the_results_are_added_up_with_the_batch_they_are_of() -> None:
    writer = Writer()
    for _ in range(2):
        writer.allowed.release()
    async with InOrder() as order:
        made = adding(order, writer)
        await made.add(sent("first"))
        await made.add(sent("again"))
        await order.settle()
    total = made.summary
    assert (total.added, total.rejected, total.repeated_batches) == (4, 2, 1)
    assert [batch_id for batch_id, _ in total.rejections] == ["first", "again"]
    assert [batch_id for batch_id, _ in total.warnings] == ["first", "again"]
    assert total.cart == CART


async def test_a_batch_that_cannot_be_priced_is_told_after_the_one_before_is_kept() -> None:
    writer = Writer()
    writer.allowed.release()

    async def prepare(_owner: str, batch: Request, _sent: SentBatch) -> Prepared:
        if batch.id == "b":
            raise Unavailable("away", reason=Reason.PRODUCT_UNAVAILABLE)
        return priced()

    async with InOrder() as order:
        made = adding(order, writer, prepare)
        await made.add(sent("a"))
        with pytest.raises(Unavailable) as away:
            await made.add(sent("b"))
    assert writer.written == ["a"]
    assert away.value.metadata == {"batch_id": "b", "batch_index": "1"}


async def test_the_failure_of_a_write_goes_before_that_of_the_next_batch() -> None:
    async def away(_owner: str, _batch: Request, _prepared: Prepared) -> Added:
        raise Unavailable("away", reason=Reason.DATABASE_AWAY)

    async with InOrder() as order:
        made = adding(order, away)
        await made.add(sent("a"))
        with pytest.raises(Unavailable) as failed:
            await made.add(sent(""))
    assert failed.value.metadata == {"batch_id": "a", "batch_index": "0"}


async def test_a_stream_that_breaks_leaves_no_write_behind() -> None:
    writer = Writer()
    writer.allowed.release()

    async def broken_stream() -> None:
        async with InOrder() as order:
            await adding(order, writer).add(sent("a"))
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await broken_stream()
    assert writer.written == ["a"]


def test_the_digest_tells_items_apart_and_nothing_else() -> None:
    items = [proposal(TEA, 2, "A", "red"), proposal(CUP)]
    assert digest_of(items) == digest_of(list(items))
    others = [
        items[::-1],
        items[:1],
        [items[0], items[1]._replace(quantity=2)],
        [items[0], items[1]._replace(color="red")],
        [items[0], items[1]._replace(discount_code="A")],
        [items[0], items[1]._replace(product_id=TEA)],
        [items[0]._replace(color="A", discount_code="red"), items[1]],
    ]
    assert digest_of(items) not in {digest_of(each) for each in others}


def test_the_digest_covers_what_is_rejected() -> None:
    assert digest_of([proposal(quantity=0)]) != digest_of([proposal(quantity=-1)])


def test_a_batch_may_be_held_to_fewer_items() -> None:
    large = sent("a", *[proposal()] * 201)
    assert checked_batch(large).id == "a"
    with pytest.raises(InvalidArgument):
        checked_batch(large, most=200)
