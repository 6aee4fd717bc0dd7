"""What every outgoing call has: a deadline, retries where they are safe, trace and metrics."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.wrappers_pb2 import StringValue
from grpc import aio
from prometheus_client import REGISTRY

from bodega.product.v1 import product_pb2
from runtime.call import Call, Context, current_call
from runtime.client import connect, service_config
from runtime.errors import Unavailable
from runtime.outgoing import within
from runtime.reason import Reason
from runtime.server import Server
from runtime.settings import ServerSettings
from runtime.status_details import reason_of
from runtime.testing.echo import KINDS, Echo, EchoStub, add_echo, echo_service
from runtime.testing.rpc import ServeEcho
from runtime.testing.waiting import PATIENCE, eventually

IDEMPOTENT = dict.fromkeys(KINDS, MethodOptions.IDEMPOTENT)


class Failing(Echo):
    """Is unavailable for the first calls."""

    def __init__(self, failures: int, idempotency: Any) -> None:
        super().__init__(echo_service(idempotency=idempotency))
        self.failures = failures
        self.calls = 0

    def _call(self) -> None:
        self.calls += 1
        if self.calls <= self.failures:
            raise Unavailable("not yet", reason=Reason.SERVER_STOPPING)

    async def say(self, request: StringValue, _context: Context) -> StringValue:
        self._call()
        return request

    async def count(self, request: StringValue, _context: Context) -> AsyncGenerator[StringValue]:
        self._call()
        yield request

    async def collect(self, requests: Any, _context: Context) -> StringValue:
        self._call()
        return await anext(requests)

    async def chat(self, requests: Any, _context: Context) -> AsyncGenerator[StringValue]:
        self._call()
        yield await anext(requests)


@pytest.mark.parametrize("kind", ["Say", "Count"])
async def test_an_idempotent_call_is_retried(serve_echo: ServeEcho, kind: str) -> None:
    echo = Failing(2, IDEMPOTENT)
    assert await (await serve_echo(echo)).call(kind, "a") == ["a"]
    assert echo.calls == 3


@pytest.mark.parametrize("kind", KINDS)
async def test_another_call_is_not_retried(serve_echo: ServeEcho, kind: str) -> None:
    echo = Failing(1, {})
    with pytest.raises(aio.AioRpcError) as caught:
        await (await serve_echo(echo)).call(kind, "a")
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert echo.calls == 1


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take a connection, and say nothing until the client leaves."""
    await reader.read()
    writer.close()


async def test_a_server_that_is_slow_to_greet_is_waited_for() -> None:
    """On a busy machine it may take a while; nobody repeats a call that is not idempotent."""
    service = echo_service()
    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        async with connect(f"{host}:{port}", service) as channel:
            call = EchoStub(channel, service).begin("Say", "a", timeout=1)
            assert await call.code() is grpc.StatusCode.DEADLINE_EXCEEDED


@pytest.mark.parametrize("kind", ["Collect", "Chat"])
async def test_a_request_stream_is_left_to_its_caller(serve_echo: ServeEcho, kind: str) -> None:
    echo = Failing(1, IDEMPOTENT)
    with pytest.raises(aio.AioRpcError):
        await (await serve_echo(echo)).call(kind, "a")
    assert echo.calls == 1


def test_retries_follow_the_idempotency_level_of_the_catalogue() -> None:
    service = product_pb2.DESCRIPTOR.services_by_name["ProductService"]
    config = json.loads(service_config([service]))
    retried = {each["method"] for each in config["methodConfig"][0]["name"]}
    assert {"GetProduct", "StreamProducts"} <= retried
    assert retried.isdisjoint({"UpdateProduct", "DeleteProduct", "ImportProducts"})
    assert config["retryThrottling"]


async def test_every_call_has_a_deadline(server_settings: ServerSettings) -> None:
    echo = echo_service()

    class Asking(Echo):
        async def say(self, _request: StringValue, _context: Context) -> StringValue:
            call = current_call.get()
            assert call is not None
            return StringValue(value=str(call.time_remaining()))

        async def count(
            self, request: StringValue, context: Context
        ) -> AsyncGenerator[StringValue]:
            yield await self.say(request, context)

    server = Server(server_settings)
    server.add(add_echo, Asking(echo), echo)
    async with server.running() as address:
        channel = connect(
            address, echo, timeout=timedelta(hours=1), stream_timeout=timedelta(hours=2)
        )
        stub = EchoStub(channel, echo)
        assert hours_left(await stub.call("Say", "")) == 1
        assert hours_left(await stub.call("Count", "")) == 2
        assert hours_left(await stub.call("Say", "", timeout=3 * 3600)) == 3
        await channel.close()


def hours_left(answer: list[str]) -> int:
    return round(float(answer[0]) / 3600)


async def test_an_onward_call_ends_before_its_own_caller_gives_up(serve_echo: ServeEcho) -> None:
    lefts: list[tuple[float, float, float]] = []

    class Forwarding(Echo):
        async def say(self, request: StringValue, _context: Context) -> StringValue:
            call = current_call.get()
            assert call is not None
            before = call.time_remaining()
            onward = inner.begin("Say", request.value, timeout=1000)
            theirs = onward.time_remaining()
            after = call.time_remaining()
            assert before is not None
            assert after is not None
            lefts.append((before, theirs, after))
            return StringValue(value=await onward)

    inner = await serve_echo(Echo(echo_service()))
    outer = await serve_echo(Forwarding(echo_service()))
    assert await outer.call("Say", "a", timeout=100) == ["a"]
    # Looked at between two looks at ours, which may be as far apart as the machine likes.
    ((before, theirs, after),) = lefts
    assert after - 0.5 < theirs < before - 0.03


def test_a_deadline_that_has_nearly_passed_is_not_made_longer() -> None:
    class Context:
        def time_remaining(self) -> float:
            return 0.01

    context: Any = Context()
    method: Any = None
    token = current_call.set(Call(method, context, asyncio.Event(), is_late=False))
    try:
        assert 0 < within(5) < 0.01
    finally:
        current_call.reset(token)
    assert within(5) == 5


async def test_the_trace_context_of_the_caller_travels_on(serve_echo: ServeEcho) -> None:
    seen: list[dict[str, str]] = []

    class Seeing(Echo):
        async def say(self, request: StringValue, _context: Context) -> StringValue:
            call = current_call.get()
            assert call is not None
            seen.append(dict(call.trace_headers()))
            return request

    inner = await serve_echo(Seeing(echo_service()))

    class Forwarding(Echo):
        async def say(self, request: StringValue, _context: Context) -> StringValue:
            return StringValue(value=(await inner.call("Say", request.value))[0])

    outer = await serve_echo(Forwarding(echo_service()))
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
    await outer.call("Say", "a", metadata=(("traceparent", parent), ("tracestate", "a=b")))
    assert seen == [{"traceparent": parent, "tracestate": "a=b"}]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("code", ["OK", "UNAVAILABLE"])
async def test_calls_are_counted(serve_echo: ServeEcho, kind: str, code: str) -> None:
    echo = Failing(0 if code == "OK" else 1, {})
    stub = await serve_echo(echo)
    with suppress(aio.AioRpcError):
        await stub.call(kind, "a")
    labels = {"service": echo.service.full_name, "method": kind}

    def sample(name: str, **more: str) -> float | None:
        return REGISTRY.get_sample_value(f"bodega_rpc_client_{name}", labels | more)

    await eventually(lambda: sample("handled_total", code=code) == 1)
    assert sample("in_flight") == 0
    assert sample("duration_seconds_count") == 1
    # Messages are counted where they are served: here a number would always be 0.
    assert sample("messages_sent_total") is None


@pytest.mark.parametrize("kind", ["Collect", "Chat"])
async def test_a_call_is_counted_as_its_caller_sees_it(serve_echo: ServeEcho, kind: str) -> None:
    echo = Failing(200, {})
    stub = await serve_echo(echo)
    seen: Counter[str] = Counter()
    for _ in range(200):
        with pytest.raises(aio.AioRpcError) as caught:
            await stub.call(kind, "a")
        seen[caught.value.code().name] += 1
    assert handled(echo, kind) == seen
    if kind == "Collect":
        assert seen == {"UNAVAILABLE": 200}


@pytest.mark.parametrize("kind", ["Collect", "Chat"])
async def test_a_deadline_that_passes_early_is_no_cancellation(
    serve_echo: ServeEcho, kind: str
) -> None:
    echo = Echo(echo_service())
    stub = await serve_echo(echo)
    seen: Counter[str] = Counter()
    for number in range(400):
        try:
            await stub.call(kind, "a", timeout=0.0001 * (number % 20))
        except aio.AioRpcError as error:
            seen[error.code().name] += 1
        else:
            seen["OK"] += 1
    # Where a call takes longer than the longest of these deadlines, none ends well.
    assert seen.keys() - {"OK"} == {"DEADLINE_EXCEEDED"}
    assert handled(echo, kind) == seen


@pytest.mark.parametrize("kind", ["Collect", "Chat"])
async def test_a_call_that_is_given_up_is_cancelled(serve_echo: ServeEcho, kind: str) -> None:
    echo = Echo(echo_service())
    stub = await serve_echo(echo)
    call = stub.begin_with(kind, None)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await (call if kind == "Collect" else call.read())
    assert handled(echo, kind) == {"CANCELLED": 1}


async def test_a_request_that_comes_after_the_end_is_told_how_the_call_ended(
    serve_echo: ServeEcho,
) -> None:
    stub = await serve_echo(Failing(1, {}))
    call = stub.begin_with("Chat", None)
    await eventually(call.done)
    with pytest.raises(aio.AioRpcError) as caught:
        await call.write("a")
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert reason_of(caught.value) == "SERVER_STOPPING"


async def write_for_ever(call: Any) -> None:
    while True:
        await call.write("a")


async def test_a_call_that_ends_while_requests_are_sent_says_how_it_ended(
    serve_echo: ServeEcho,
) -> None:
    count = 100
    stub = await serve_echo(Failing(count, {}))
    reasons: Counter[str] = Counter()
    for _ in range(count):
        call = stub.begin_with("Chat", None)
        with pytest.raises(aio.AioRpcError) as caught:
            await write_for_ever(call)
        reasons[reason_of(caught.value)] += 1
    assert reasons == {"SERVER_STOPPING": count}


async def test_requests_that_cannot_be_made_cancel_only_the_call(serve_echo: ServeEcho) -> None:
    async def broken() -> AsyncGenerator[str]:
        yield "a"
        raise OSError("the file is gone")

    stub = await serve_echo(Echo(echo_service()))
    with pytest.raises(aio.AioRpcError) as caught:
        await stub.begin_with("Collect", broken())
    assert caught.value.code() is grpc.StatusCode.CANCELLED


def handled(echo: Echo, kind: str) -> dict[str, float]:
    """Return how many calls of the method ended with each code."""
    return {
        sample.labels["code"]: sample.value
        for family in REGISTRY.collect()
        if family.name == "bodega_rpc_client_handled"
        for sample in family.samples
        if (sample.labels["service"], sample.labels["method"]) == (echo.service.full_name, kind)
    }


async def test_a_server_that_comes_back_is_found_again(server_settings: ServerSettings) -> None:
    echo = Echo(echo_service())
    first = Server(server_settings)
    first.add(add_echo, echo, echo.service)
    async with first.running() as address:
        channel = connect(address, echo.service, timeout=PATIENCE)
        stub = EchoStub(channel, echo.service)
        await stub.call("Say", "a")
    with pytest.raises(aio.AioRpcError) as caught:
        await stub.call("Say", "a")
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    second = Server(
        ServerSettings.model_validate(server_settings.model_dump() | {"listen": address})
    )
    second.add(add_echo, echo, echo.service)
    async with second.running():
        assert await stub.call("Say", "b", wait_for_ready=True) == ["b"]
        await channel.close()
