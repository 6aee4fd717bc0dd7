"""The chain: its order, and what it says of RPCs that end in every other way than well."""

import asyncio
import gc
import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from grpc import aio
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from runtime import metrics
from runtime.admission import Admission
from runtime.call import Call, Context, current_call
from runtime.endless import endless
from runtime.error_mapping import Errors
from runtime.method import Method
from runtime.metrics import Metrics
from runtime.middleware import StreamHandler, UnaryHandler
from runtime.testing.echo import KINDS, Echo, EchoStub, echo_service
from runtime.testing.rpc import ServeEcho
from runtime.testing.waiting import PATIENCE_SECONDS, eventually

every_kind = pytest.mark.parametrize("kind", KINDS)


class Recording:
    """Writes down when a handler is wrapped and when it is called."""

    def __init__(self, name: str, events: list[str]) -> None:
        self._name = name
        self._events = events

    def unary(self, method: Method, handler: UnaryHandler) -> UnaryHandler:
        self._events.append(f"wrap {self._name} {method.name}")

        async def recorded(request: Any, context: Context) -> Any:
            self._events.append(f"call {self._name}")
            return await handler(request, context)

        return recorded

    def stream(self, method: Method, handler: StreamHandler) -> StreamHandler:
        self._events.append(f"wrap {self._name} {method.name}")

        async def recorded(request: Any, context: Context) -> Any:
            self._events.append(f"call {self._name}")
            async with aclosing(handler(request, context)) as responses:
                async for response in responses:
                    yield response

        return recorded


class Waiting(Echo):
    """Waits for ever, and writes down how that ended."""

    def __init__(self) -> None:
        super().__init__(echo_service())
        self.began = asyncio.Event()
        self.ended = asyncio.Event()
        self.runs = 0
        self.how: list[str] = []

    async def _wait(self) -> None:
        self.runs += 1
        self.began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.how.append("cancelled")
            raise
        finally:
            self.ended.set()

    async def say(self, request: StringValue, _context: Context) -> StringValue:
        await self._wait()
        return request

    async def count(self, request: StringValue, _context: Context) -> AsyncGenerator[StringValue]:
        yield request
        await self._wait()

    async def collect(self, requests: AsyncIterator[StringValue], _context: Context) -> StringValue:
        first = await anext(requests)
        await self._wait()
        return first

    async def chat(
        self, requests: AsyncIterator[StringValue], _context: Context
    ) -> AsyncGenerator[StringValue]:
        yield await anext(requests)
        await self._wait()


def handled(echo: Echo, kind: str, code: str) -> float:
    labels = {"service": echo.service.full_name, "method": kind, "code": code}
    return REGISTRY.get_sample_value("bodega_rpc_server_handled_total", labels) or 0


def sample(echo: Echo, kind: str, name: str) -> float | None:
    labels = {"service": echo.service.full_name, "method": kind}
    return REGISTRY.get_sample_value(f"bodega_rpc_server_{name}", labels)


@every_kind
async def test_all_kinds_pass_through(serve_echo: ServeEcho, kind: str) -> None:
    stub = await serve_echo(Echo(echo_service()))
    assert "".join(await stub.call(kind, "abc")) == "abc"


@every_kind
async def test_an_empty_message_passes_through(serve_echo: ServeEcho, kind: str) -> None:
    stub = await serve_echo(Echo(echo_service()))
    assert "".join(await stub.call(kind, "")) == ""


async def test_the_first_middleware_is_outermost_and_wraps_once(serve_echo: ServeEcho) -> None:
    events: list[str] = []
    chain = (Recording("outer", events), Recording("inner", events))
    stub = await serve_echo(Echo(echo_service()), middleware=chain)
    assert events.count("wrap outer Say") == events.count("wrap inner Say") == 1
    events.clear()
    await stub.call("Say", "a")
    await stub.call("Chat", "a")
    assert events == ["call outer", "call inner", "call outer", "call inner"]


@every_kind
async def test_a_deadline_cancels_the_handler_and_is_counted(
    serve_echo: ServeEcho, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The server's clock starts when it hears of the call: on a busy machine that may be late.
    monkeypatch.setattr(metrics, "DEADLINE_SLACK_SECONDS", math.inf)
    echo = await overtaken_by_its_deadline(serve_echo, kind)
    await echo.ended.wait()
    assert echo.how == ["cancelled"]
    await eventually(lambda: handled(echo, kind, "DEADLINE_EXCEEDED") == 1)
    assert sample(echo, kind, "in_flight") == 0


async def overtaken_by_its_deadline(serve_echo: ServeEcho, kind: str) -> Waiting:
    """Return an echo whose handler ran when the deadline passed, and not only from then on."""
    for seconds in (0.2, 1, 5, 25):
        echo = Waiting()
        stub = await serve_echo(echo)
        with pytest.raises(aio.AioRpcError) as caught:
            await stub.call(kind, "a", timeout=seconds)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        if echo.runs:
            return echo
    raise AssertionError("no handler began in time")


@pytest.mark.parametrize(("left", "code"), [(0.04, "DEADLINE_EXCEEDED"), (0.06, "CANCELLED")])
def test_a_cancellation_just_before_our_deadline_is_the_callers_deadline(
    left: float, code: str
) -> None:
    class Ending:
        def time_remaining(self) -> float:
            return left

    context: Any = Ending()
    assert metrics.code_of(asyncio.CancelledError(), context) == code


@every_kind
async def test_a_client_that_leaves_cancels_the_handler_and_is_counted(
    serve_echo: ServeEcho, kind: str
) -> None:
    echo = Waiting()
    stub = await serve_echo(echo)
    # Not by cancelling a task that reads: grpc.aio's client loses some of those cancellations.
    call = stub.begin(kind, "a")
    await echo.began.wait()
    call.cancel()
    await echo.ended.wait()
    assert echo.how == ["cancelled"]
    await eventually(lambda: handled(echo, kind, "CANCELLED") == 1)
    assert sample(echo, kind, "in_flight") == 0


async def test_a_passed_deadline_never_reaches_the_handler(serve_echo: ServeEcho) -> None:
    echo = Waiting()
    stub = await serve_echo(echo)
    # Blocking this loop, which serves too, until the deadline has passed on the client.
    with grpc.insecure_channel(stub.target) as channel:
        say: Any = channel.unary_unary(f"/{echo.service.full_name}/Say")
        grpc.channel_ready_future(channel).result(PATIENCE_SECONDS)
        error = say.future(b"", timeout=0.1).exception()
    assert isinstance(error, grpc.RpcError)
    # Whoever calls later is served.
    later = stub.begin("Count", "a")
    assert await later.read() == "a"
    await echo.began.wait()
    later.cancel()
    await echo.ended.wait()
    assert echo.runs == 1


async def test_a_context_out_of_time_is_refused_before_the_handler() -> None:
    refused: list[grpc.StatusCode] = []

    class OutOfTime:
        def time_remaining(self) -> float:
            return 0.0

        async def abort(self, code: grpc.StatusCode, *_rest: object) -> None:
            refused.append(code)
            raise aio.AbortError

    async def handler(_request: Any, _context: Context) -> Any:
        refused.append(grpc.StatusCode.OK)

    service = echo_service()
    method = Method(service.full_name, "Say", False, False, service.methods_by_name["Say"])
    context: Any = OutOfTime()
    with pytest.raises(aio.AbortError):
        await Admission(1).unary(method, handler)(b"", context)
    assert refused == [grpc.StatusCode.DEADLINE_EXCEEDED]


async def test_a_refusal_that_finds_its_call_dead_ends_quietly() -> None:
    class Dead:
        aborted = 0

        def time_remaining(self) -> float:
            return 0.0

        async def abort(self, *_status: object) -> None:
            """Do what grpcio does: it fails to send, and then takes no other status."""
            self.aborted += 1
            if self.aborted > 1:
                raise aio.UsageError("Abort already called!")
            raise aio.InternalError("Failed to send")

    async def handler(_request: Any, _context: Context) -> Any:
        raise AssertionError

    service = echo_service()
    method = Method(service.full_name, "Say", False, False, service.methods_by_name["Say"])
    chain = Errors().unary(method, Admission(1).unary(method, handler))
    context: Any = Dead()
    with capture_logs() as events, pytest.raises(asyncio.CancelledError):
        await chain(b"", context)
    assert events == []


@every_kind
async def test_more_rpcs_than_the_limit_are_refused(serve_echo: ServeEcho, kind: str) -> None:
    echo = Waiting()
    stub = await serve_echo(echo, middleware=(Metrics(), Errors(), Admission(1)))
    running = stub.begin(kind, "a")
    await echo.began.wait()
    with pytest.raises(aio.AioRpcError) as caught:
        await stub.call(kind, "a")
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    await eventually(lambda: sample(echo, kind, "in_flight") == 1)
    running.cancel()
    await echo.ended.wait()
    assert echo.runs == 1


@pytest.mark.parametrize("kind", ["Collect", "Chat"])
async def test_a_broken_request_stream_does_not_look_complete(
    serve_echo: ServeEcho, kind: str
) -> None:
    seen: list[str] = []
    began, ended = asyncio.Event(), asyncio.Event()

    async def read(requests: AsyncIterator[StringValue]) -> None:
        try:
            async for _ in requests:
                began.set()
            seen.append("complete")
        except asyncio.CancelledError:
            seen.append("broken")
            raise
        finally:
            ended.set()

    class Reading(Echo):
        async def collect(
            self, requests: AsyncIterator[StringValue], _context: Context
        ) -> StringValue:
            await read(requests)
            return StringValue()

        async def chat(
            self, requests: AsyncIterator[StringValue], _context: Context
        ) -> AsyncGenerator[StringValue]:
            await read(requests)
            yield StringValue()

    stub = await serve_echo(Reading(echo_service()))
    call = stub.begin_with(kind, _one_then_wait())
    await began.wait()
    call.cancel()
    await ended.wait()
    assert seen == ["broken"]


async def _one_then_wait() -> AsyncIterator[str]:
    yield "a"
    await asyncio.Event().wait()


async def test_messages_of_streams_are_counted(serve_echo: ServeEcho) -> None:
    echo = Echo(echo_service())
    stub = await serve_echo(echo)
    await stub.call("Chat", "a", "b", "c")
    await eventually(lambda: handled(echo, "Chat", "OK") == 1)
    assert sample(echo, "Chat", "messages_received_total") == 3
    assert sample(echo, "Chat", "messages_sent_total") == 3
    assert sample(echo, "Chat", "duration_seconds_count") == 1


async def test_how_long_somebody_stays_is_no_latency(serve_echo: ServeEcho) -> None:
    class Watched(Echo):
        @endless
        async def count(
            self, request: StringValue, context: Context
        ) -> AsyncGenerator[StringValue]:
            async for character in super().count(request, context):
                yield character

    echo = Watched(echo_service())
    stub = await serve_echo(echo)
    await stub.call("Count", "abc")
    await eventually(lambda: handled(echo, "Count", "OK") == 1)
    assert sample(echo, "Count", "messages_sent_total") == 3
    assert sample(echo, "Count", "duration_seconds_count") is None


async def test_a_method_that_nobody_called_has_no_histogram(serve_echo: ServeEcho) -> None:
    echo = Echo(echo_service())
    stub = await serve_echo(echo)
    await stub.call("Say", "a")
    await eventually(lambda: sample(echo, "Say", "duration_seconds_count") == 1)
    assert sample(echo, "Chat", "in_flight") == 0
    assert sample(echo, "Chat", "duration_seconds_count") is None


async def test_a_handler_finds_its_call(serve_echo: ServeEcho) -> None:
    found: list[tuple[str, float | None]] = []
    calls: list[Call] = []

    class Asking(Echo):
        async def say(self, request: StringValue, _context: Context) -> StringValue:
            call = current_call.get()
            assert call is not None
            calls.append(call)
            found.append((call.method.name, call.time_remaining()))
            return request

    stub = await serve_echo(Asking(echo_service()))
    await stub.call("Say", "a", timeout=PATIENCE_SECONDS)
    await stub.call("Say", "a")
    assert [name for name, _ in found] == ["Say", "Say"]
    assert all(left is not None and 0 < left <= PATIENCE_SECONDS + 1 for _, left in found)
    await eventually(lambda: calls[0].time_remaining() is None)


async def test_no_deadline_is_the_same_on_both_engines(serve_echo: ServeEcho) -> None:
    found: list[float | None] = []

    class Asking(Echo):
        async def say(self, request: StringValue, _context: Context) -> StringValue:
            call = current_call.get()
            assert call is not None
            found.append(call.time_remaining())
            return request

    echo = Asking(echo_service())
    stub = await serve_echo(echo)
    async with aio.insecure_channel(stub.target) as bare:
        say: Any = bare.unary_unary(f"/{echo.service.full_name}/Say")
        await say(b"")
    assert found == [None]


@pytest.mark.parametrize("kind", ["Say", "Count"])
async def test_an_rpc_leaves_no_reference_cycle(serve_echo: ServeEcho, kind: str) -> None:
    stub: EchoStub = await serve_echo(Echo(echo_service()))
    await stub.call(kind, "a")
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            await stub.call(kind, "a")
        left = sum(isinstance(each, Call) for each in gc.get_objects())
    finally:
        gc.enable()
    assert left <= 1
