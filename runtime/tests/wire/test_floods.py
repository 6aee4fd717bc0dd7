"""Connections and streams that want more than their share: the others go on unharmed."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import grpc
import pytest
from grpc import aio
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
)

from runtime.engine import Engine
from runtime.testing.echo_process import SERVICE, EchoProcess, serving_echo
from runtime.testing.http2 import CANCEL, DEFAULT_WINDOW, Http2Connection, message

MIB = 2**20
SAY = f"/{SERVICE}/Say"
COUNT = f"/{SERVICE}/Count"
CHAT = f"/{SERVICE}/Chat"
HI = message(b"\n\x02hi")
# RFC 9113 §7
REFUSED_STREAM = 7

pytestmark = pytest.mark.usefixtures("bystander")


def pings(_: Http2Connection) -> Iterator[Frame]:
    for _number in range(20_000):
        yield PingFrame(0, opaque_data=b"question")


def settings(_: Http2Connection) -> Iterator[Frame]:
    for _number in range(20_000):
        yield SettingsFrame(0, settings={SettingsFrame.INITIAL_WINDOW_SIZE: DEFAULT_WINDOW})


def empty_data(connection: Http2Connection) -> Iterator[Frame]:
    number = connection.begin(SAY)
    for _ in range(20_000):
        yield DataFrame(number)


def rapid_resets(connection: Http2Connection) -> Iterator[Frame]:
    for _ in range(5_000):
        number = connection.begin(SAY)
        yield RstStreamFrame(number, error_code=CANCEL)


def continuations(connection: Http2Connection) -> Iterator[Frame]:
    yield connection.headers_frame(1, SAY, flags=[])
    pairs = b"\x00\x03x-a\x03abc" * 1_500
    for _ in range(2_000):
        yield ContinuationFrame(1, data=pairs)


@pytest.mark.parametrize(
    "flood",
    [pings, settings, empty_data, rapid_resets, continuations],
    ids=lambda each: each.__name__,
)
async def test_a_flood_of_frames_takes_little_memory_and_harms_nobody_else(
    served: EchoProcess, connection: Http2Connection, flood: object
) -> None:
    assert callable(flood)
    with served.memory.growing_at_most(96 * MIB):
        await connection.flood(flood(connection))
        await connection.ping()


async def test_cancelling_some_calls_leaves_the_others_of_the_connection(
    connection: Http2Connection, engine: Engine
) -> None:
    chat = connection.begin(CHAT)
    await connection.write(chat, HI, end=False)
    for _ in range(200):
        connection.cancel(connection.begin(SAY))
    await connection.ping()
    await connection.write(chat, HI)
    await connection.stream(chat).end()
    # The native engine's HTTP/2 ends a connection with more than 20 streams reset before it saw
    # them, which is a matter of time.
    if engine is Engine.GRPCIO or not connection.closed.is_set():
        assert connection.stream(chat).data == HI + HI


async def test_responses_that_are_not_read_are_not_made(served: EchoProcess) -> None:
    # Each has 50,000 messages of 8 bytes to send.
    body = message(b"\n\xd0\x86\x03" + b"a" * 50_000)
    async with AsyncExitStack() as stack:
        with served.memory.growing_at_most(64 * MIB):
            for _ in range(4):
                stalled = Http2Connection.open(
                    served.address, {SettingsFrame.INITIAL_WINDOW_SIZE: 0}
                )
                connection = await stack.enter_async_context(stalled)
                for _ in range(25):
                    await connection.write(connection.begin(COUNT), body)
                await connection.ping()


async def test_idle_connections_of_one_address_take_little_memory(served: EchoProcess) -> None:
    async with AsyncExitStack() as stack:
        with served.memory.growing_at_most(32 * MIB):
            for _ in range(500):
                opened = await stack.enter_async_context(Http2Connection.open(served.address))
            await opened.ping()


async def test_connections_that_never_greet_take_little_memory(served: EchoProcess) -> None:
    host, _, port = served.address.rpartition(":")
    with served.memory.growing_at_most(32 * MIB):
        opened = [await asyncio.open_connection(host, int(port)) for _ in range(500)]
        async with Http2Connection.open(served.address) as connection:
            await connection.ping()
    for _, writer in opened:
        writer.close()
        await writer.wait_closed()


async def test_calls_that_send_nothing_are_1024_a_connection_at_most(
    served: EchoProcess, connection: Http2Connection
) -> None:
    with served.memory.growing_at_most(64 * MIB):
        numbers = [connection.begin(SAY) for _ in range(1_025)]
        await connection.stream(numbers[-1]).end()
    assert connection.stream(numbers[-1]).reset == REFUSED_STREAM
    await connection.write(numbers[0], HI)
    assert (await connection.stream(numbers[0]).end()).data == HI


async def burst(address: str, calls: int) -> Counter[grpc.StatusCode]:
    async with aio.insecure_channel(address) as channel:
        say: Any = channel.unary_unary(SAY)

        async def status() -> grpc.StatusCode:
            call = say(b"\n\x02hi")
            try:
                await call
            except aio.AioRpcError as error:
                return error.code()
            return grpc.StatusCode.OK

        return Counter(await asyncio.gather(*(status() for _ in range(calls))))


async def test_every_call_of_a_burst_below_the_limit_is_answered(served: EchoProcess) -> None:
    assert await burst(served.address, 4_000) == {grpc.StatusCode.OK: 4_000}


async def test_calls_of_a_burst_above_the_limit_are_told_so(engine: Engine) -> None:
    with serving_echo(engine, "--max-concurrent-rpcs", "1") as served:
        statuses = await burst(served.address, 4_000)
    assert set(statuses) <= {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
