"""Watches and sessions without a network."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import aclosing
from typing import override

import pytest

from cart.pricing.types import Quotes
from cart.service import Carts
from cart.sessions import Add, Clear, Live, Operation, Outcome, State
from cart.store.change_notifier import CartHub
from cart.tests.examples import TEA, Shop, proposal
from runtime.errors import InvalidArgument
from runtime.validation import refuse


@pytest.fixture
async def live(carts: Carts, hub: CartHub) -> Live:
    await carts.create("ann", [], allow_full_price=False, request_id="")
    return Live(carts, hub)


def addition(number: int) -> Operation:
    return Operation(f"op-{number}", Add([proposal(TEA)], allow_full_price=False))


async def test_only_a_few_operations_are_received_ahead(live: Live) -> None:
    received = 0

    async def operations() -> AsyncIterator[Operation]:
        nonlocal received
        for number in range(1000):
            received = number + 1
            yield addition(number)

    async with aclosing(live.sync("ann", operations())) as said:
        for _ in range(5):
            await anext(said)
        for _ in range(100):
            await asyncio.sleep(0)
        assert 16 <= received < 30


async def test_what_breaks_the_stream_is_told_after_all_answers(live: Live, hub: CartHub) -> None:
    async def operations() -> AsyncIterator[Operation]:
        for number in range(20):
            yield addition(number)
        raise refuse("operation", "must be better")

    answered = 0

    async def run() -> None:
        nonlocal answered
        async for each in live.sync("ann", operations()):
            answered += isinstance(each, Outcome)

    with pytest.raises(InvalidArgument):
        await run()
    assert answered == 20
    assert hub.watched == 0


async def test_a_client_that_went_away_ends_its_session(live: Live, hub: CartHub) -> None:
    async def operations() -> AsyncIterator[Operation]:
        yield addition(1)
        # What a request stream raises that broke.
        raise asyncio.CancelledError

    said = live.sync("ann", operations())
    assert [type(await anext(said)) for _ in range(3)] == [State, Outcome, State]
    with pytest.raises(asyncio.CancelledError):
        await anext(said)
    assert hub.watched == 0


async def test_while_an_operation_runs_nothing_is_shown(
    live: Live, carts: Carts, shop: Shop
) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    class Slow(Shop):
        @override
        async def quote(self, product_ids: Collection[int], codes: Collection[str]) -> Quotes:
            asked.set()
            await answer.wait()
            return await super().quote(product_ids, codes)

    async def operations() -> AsyncIterator[Operation]:
        yield addition(1)
        await answer.wait()

    carts._quoter = Slow()
    async with aclosing(live.sync("ann", operations())) as said:
        await anext(said)
        following = asyncio.create_task(anext(said))
        await asked.wait()
        await carts.clear("ann", "")
        await carts.delete("ann", "")
        await asyncio.sleep(0)
        assert not following.done()
        answer.set()
        outcome = await following
        assert isinstance(outcome, Outcome)
        assert outcome.error is not None
        assert [each async for each in said] == [State(None)]


async def test_closing_a_session_in_the_middle_leaves_nothing(live: Live, hub: CartHub) -> None:
    waiting = asyncio.Event()

    async def operations() -> AsyncIterator[Operation]:
        yield Operation("clear", Clear(""))
        waiting.set()
        await asyncio.Event().wait()

    before = asyncio.all_tasks()
    said = live.sync("ann", operations())
    assert isinstance(await anext(said), State)
    assert isinstance(await anext(said), Outcome)
    await waiting.wait()
    await said.aclose()
    assert hub.watched == 0
    assert asyncio.all_tasks() == before
