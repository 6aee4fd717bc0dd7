import asyncio
from functools import partial

import pytest

from runtime.errors import Unavailable
from runtime.in_order import InOrder, locate
from runtime.reason import Reason


class Writer:
    """Writes when the test lets it."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.written: list[str] = []
        self.allowed = asyncio.Semaphore(0)

    async def write(self, name: str) -> None:
        self.begun.append(name)
        await self.allowed.acquire()
        self.written.append(name)


async def fail() -> None:
    raise Unavailable("away", reason=Reason.DATABASE_AWAY)


async def test_a_write_begins_when_the_one_before_has_ended() -> None:
    writer = Writer()
    async with InOrder() as order:
        await order.begin(partial(writer.write, "a"))
        second = asyncio.create_task(order.begin(partial(writer.write, "b")))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert writer.begun == ["a"]
        writer.allowed.release()
        await second
        writer.allowed.release()
        await order.settle()
    assert writer.written == ["a", "b"]


async def test_what_went_wrong_with_a_write_is_raised_before_the_next_begins() -> None:
    writer = Writer()
    async with InOrder() as order:
        await order.begin(fail)
        with pytest.raises(Unavailable):
            await order.begin(partial(writer.write, "b"))
    assert writer.begun == []


async def test_leaving_waits_for_the_write_and_raises_what_ended_the_stream() -> None:
    writer = Writer()

    async def broken_stream() -> None:
        async with InOrder() as order:
            await order.begin(partial(writer.write, "a"))
            asyncio.get_running_loop().call_soon(writer.allowed.release)
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await broken_stream()
    assert writer.written == ["a"]


def test_an_error_names_its_batch() -> None:
    error = Unavailable("away", reason=Reason.DATABASE_AWAY, metadata={"field": "batch_id"})
    locate(error, "b" * 200, 3)
    assert error.metadata == {"field": "batch_id", "batch_id": "b" * 128, "batch_index": "3"}
