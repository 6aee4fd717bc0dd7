"""Traces that reach a collector, the admin listener, and logs."""

import asyncio
import json
import logging
import socket
import struct
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import RemoteDisconnected
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import structlog
from google.protobuf.wrappers_pb2 import StringValue
from grpc import aio

from runtime import admin, logs, otlp
from runtime.call import Context
from runtime.chain import default_chain
from runtime.main import StartError
from runtime.method import Method
from runtime.middleware import StreamHandler, UnaryHandler
from runtime.settings import ServerSettings, TelemetrySettings
from runtime.telemetry import telemetry
from runtime.testing.collector import Collector
from runtime.testing.echo import KINDS, Echo, echo_service
from runtime.testing.rpc import ServeEcho
from runtime.testing.waiting import PATIENCE_SECONDS, eventually
from runtime.tracing import step

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
SERVER, CLIENT = 2, 3


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """Give the root logger back to pytest after the test."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _patient_listener(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no busy machine make our loop look stuck, or who connects to it look idle."""
    monkeypatch.setattr(admin, "LOOP_TIMEOUT_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr(admin, "IDLE_SECONDS", PATIENCE_SECONDS)


@pytest.fixture
async def collector(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[str, Collector]]:
    """An OTLP collector that is waited for: its endpoint, and what it has got."""
    monkeypatch.setattr(otlp, "EXPORT_TIMEOUT_SECONDS", PATIENCE_SECONDS)
    async with Collector.running() as running:
        yield running.endpoint, running


def traced(endpoint: str, ratio: float) -> TelemetrySettings:
    return TelemetrySettings.model_validate({"otlp_endpoint": endpoint, "trace_ratio": ratio})


@pytest.mark.parametrize("kind", KINDS)
async def test_a_sampled_call_is_traced_on_both_sides(
    collector: tuple[str, Collector],
    serve_echo: ServeEcho,
    server_settings: ServerSettings,
    kind: str,
) -> None:
    endpoint, kept = collector
    async with telemetry(traced(endpoint, 0.0), "test") as told:
        chain = default_chain(server_settings, traces=told.traces)
        inner = await serve_echo(Echo(echo_service()), middleware=chain, traces=told.traces)

        class Forwarding(Echo):
            async def say(self, request: StringValue, _context: Context) -> StringValue:
                return StringValue(value=(await inner.call(kind, request.value))[0])

        outer = await serve_echo(Forwarding(echo_service()), middleware=chain)
        parent = (("traceparent", f"00-{TRACE}-{SPAN}-01"),)
        await outer.call("Say", "a", metadata=parent)
    assert {span.trace_id.hex() for span in kept.spans} == {TRACE}
    by_kind = {(span.kind, span.parent_span_id.hex() == SPAN): span for span in kept.spans}
    outer_server = by_kind[SERVER, True]
    client, inner_server = by_kind[CLIENT, False], by_kind[SERVER, False]
    assert client.parent_span_id == outer_server.span_id
    assert inner_server.parent_span_id == client.span_id
    assert inner_server.name == client.name
    assert client.name.endswith(f"/{kind}")


@pytest.mark.parametrize(
    ("ratio", "headers", "spans"),
    [
        (1.0, (), 1),
        (0.0, (), 0),
        (1.0, (("traceparent", f"00-{TRACE}-{SPAN}-00"),), 0),
        (0.0, (("traceparent", "rubbish"),), 0),
    ],
)
async def test_what_is_not_sampled_has_no_span(
    collector: tuple[str, Collector],
    serve_echo: ServeEcho,
    server_settings: ServerSettings,
    ratio: float,
    headers: tuple[tuple[str, str], ...],
    spans: int,
) -> None:
    endpoint, kept = collector
    async with telemetry(traced(endpoint, ratio), "test") as told:
        chain = default_chain(server_settings, traces=told.traces)
        stub = await serve_echo(Echo(echo_service()), middleware=chain)
        await stub.call("Say", "a", metadata=headers)
        await stub.call("Chat", "a", metadata=headers)
    assert len(kept.spans) == 2 * spans


@pytest.mark.parametrize(("sampled", "spans"), [("01", 7), ("00", 0)])
async def test_each_message_of_a_stream_may_have_a_span_within_that_of_the_stream(
    collector: tuple[str, Collector],
    serve_echo: ServeEcho,
    server_settings: ServerSettings,
    sampled: str,
    spans: int,
) -> None:
    endpoint, kept = collector
    async with telemetry(traced(endpoint, 1.0), "test") as told:
        chain = default_chain(server_settings, traces=told.traces)
        inner = await serve_echo(Echo(echo_service()), middleware=chain, traces=told.traces)

        class Stepping(Echo):
            async def collect(self, request: Any, _context: Context) -> StringValue:
                number = 0
                async for message in request:
                    with step("message", number=number):
                        await inner.call("Say", message.value)
                    number += 1
                return StringValue()

        outer = await serve_echo(Stepping(echo_service()), middleware=chain)
        parent = (("traceparent", f"00-{TRACE}-{SPAN}-{sampled}"),)
        await outer.call("Collect", "a", "b", metadata=parent)
    # The stream, and of each message its own span, the call within it, and that call's other side.
    assert len(kept.spans) == spans
    if spans:
        by_id = {span.span_id: span for span in kept.spans}
        steps = [span for span in kept.spans if span.name == "message"]
        assert len(steps) == 2
        for each in steps:
            assert by_id[each.parent_span_id].name.endswith("/Collect")
            assert [attribute.key for attribute in each.attributes] == ["bodega.number"]
        calls = [span for span in kept.spans if span.kind == CLIENT]
        assert {span.parent_span_id for span in calls} == {span.span_id for span in steps}


class Watched:
    """The outermost middleware: tells when a call is over on the server too.

    A status that a handler aborts with reaches the client while the chain is still unwinding.
    """

    def __init__(self) -> None:
        self.over = asyncio.Event()

    def unary(self, _method: Method, handler: UnaryHandler) -> UnaryHandler:
        async def watched(request: Any, context: Context) -> Any:
            try:
                return await handler(request, context)
            finally:
                self.over.set()

        return watched

    def stream(self, _method: Method, handler: StreamHandler) -> StreamHandler:
        return handler


async def test_a_failed_call_is_an_error_in_the_trace(
    collector: tuple[str, Collector], serve_echo: ServeEcho, server_settings: ServerSettings
) -> None:
    class Broken(Echo):
        async def say(self, request: StringValue, _context: Context) -> StringValue:
            raise ValueError(request.value)

    endpoint, kept = collector
    async with telemetry(traced(endpoint, 1.0), "test") as told:
        watched = Watched()
        chain = (watched, *default_chain(server_settings, traces=told.traces))
        stub = await serve_echo(Broken(echo_service()), middleware=chain)
        with pytest.raises(aio.AioRpcError):
            await stub.call("Say", "secret")
        await watched.over.wait()
    (span,) = kept.spans
    assert span.status.code == 2
    assert span.status.message == "INTERNAL"
    assert "secret" not in str(span)


async def get(address: str, path: str) -> tuple[int, str]:
    def fetch() -> tuple[int, str]:
        try:
            with urlopen(f"http://{address}{path}", timeout=PATIENCE_SECONDS) as response:
                return response.status, response.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()

    return await asyncio.to_thread(fetch)


async def test_the_admin_listener_answers() -> None:
    settings = TelemetrySettings.model_validate({"metrics_listen": "127.0.0.1:0"})
    async with telemetry(settings, "test") as told:
        assert told.metrics_address is not None
        address = told.metrics_address
        assert (await get(address, "/healthz"))[0] == 200
        assert (await get(address, "/readyz"))[0] == 503
        told.ready = lambda: True
        assert (await get(address, "/readyz"))[0] == 200
        status, text = await get(address, "/metrics")
        assert status == 200
        assert "# TYPE bodega_rpc_server_handled_total counter" in text
        assert (await get(address, "/"))[0] == 404


async def test_a_client_of_the_admin_listener_that_leaves_is_no_event(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def leave(address: str) -> None:
        host, _, port = address.rpartition(":")
        with socket.create_connection((host, int(port))) as client:
            client.sendall(b"GET /healthz HTTP/1.1\r\n\r\n")
            assert client.recv(1000).startswith(b"HTTP/1.1 200")
            # Reset where it is closed, in the middle of the next request.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.sendall(b"GET /healthz")

    settings = TelemetrySettings.model_validate(
        {"metrics_listen": "127.0.0.1:0", "log_format": "json"}
    )
    async with telemetry(settings, "test") as told:
        await asyncio.to_thread(leave, str(told.metrics_address))
        await eventually(lambda: admin_threads() == 0)
    assert logged(capsys) == []


def admin_threads() -> int:
    return sum("process_request" in each.name for each in threading.enumerate())


async def test_the_newest_connections_are_served_however_many_are_held_open() -> None:
    settings = TelemetrySettings.model_validate({"metrics_listen": "127.0.0.1:0"})
    async with telemetry(settings, "test") as told:
        host, _, port = str(told.metrics_address).rpartition(":")
        with ExitStack() as stack:
            held = [
                stack.enter_context(socket.create_connection((host, int(port)), PATIENCE_SECONDS))
                for _ in range(3 * admin.MAX_CONNECTIONS)
            ]
            assert (await get(f"{host}:{port}", "/healthz"))[0] == 200
            assert held[0].recv(1) == b""
            await eventually(lambda: admin_threads() <= admin.MAX_CONNECTIONS)
    await eventually(lambda: admin_threads() == 0)


async def test_a_connection_that_asks_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "IDLE_SECONDS", 0.05)
    settings = TelemetrySettings.model_validate({"metrics_listen": "127.0.0.1:0"})
    async with telemetry(settings, "test") as told:
        host, _, port = str(told.metrics_address).rpartition(":")
        with socket.create_connection((host, int(port)), PATIENCE_SECONDS) as idle:
            assert idle.recv(1) == b""


async def test_a_failure_of_the_admin_listener_is_one_event(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken() -> bool:
        raise ValueError("not ready")

    settings = TelemetrySettings.model_validate(
        {"metrics_listen": "127.0.0.1:0", "log_format": "json"}
    )
    async with telemetry(settings, "test") as told:
        told.ready = broken
        with pytest.raises(RemoteDisconnected):
            await get(str(told.metrics_address), "/readyz")
        await eventually(lambda: admin_threads() == 0)
    (event,) = logged(capsys)
    assert event["event"] == "admin request failed"
    assert "ValueError: not ready" in event["exception"]


async def test_healthz_fails_while_the_loop_is_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "LOOP_TIMEOUT_SECONDS", 0.05)
    settings = TelemetrySettings.model_validate({"metrics_listen": "127.0.0.1:0"})
    async with telemetry(settings, "test") as told:
        with ThreadPoolExecutor(1) as pool:
            asking = pool.submit(asyncio.run, get(str(told.metrics_address), "/healthz"))
            # Blocks this loop, which is the one that is asked.
            assert asking.result(PATIENCE_SECONDS)[0] == 503


async def test_a_taken_metrics_port_is_named() -> None:
    settings = TelemetrySettings.model_validate({"metrics_listen": "127.0.0.1:0"})
    async with telemetry(settings, "test") as told:
        taken = TelemetrySettings.model_validate({"metrics_listen": told.metrics_address})
        with pytest.raises(StartError, match=f"--metrics-listen {told.metrics_address}: address"):
            async with telemetry(taken, "test"):
                pass


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


async def test_an_event_names_the_rpc_and_its_trace(
    capsys: pytest.CaptureFixture[str], serve_echo: ServeEcho
) -> None:
    logs.configure("info", "json")
    log = logs.get_logger("test")

    class Telling(Echo):
        async def say(self, request: StringValue, _context: Context) -> StringValue:
            log.info("said", text=request.value)
            return request

    echo = Telling(echo_service())
    stub = await serve_echo(echo)
    await stub.call("Say", "a", metadata=(("traceparent", f"00-{TRACE}-{SPAN}-00"),))
    (event,) = logged(capsys)
    assert event["event"] == "said"
    assert event["method"] == f"/{echo.service.full_name}/Say"
    assert event["trace_id"] == TRACE
    assert (event["level"], event["logger"], event["text"]) == ("info", "test", "a")


async def test_success_is_not_logged_and_failure_is_without_locals(
    capsys: pytest.CaptureFixture[str], serve_echo: ServeEcho
) -> None:
    class Broken(Echo):
        async def say(self, request: StringValue, _context: Context) -> StringValue:
            password = f"hunter{request.value}"
            if request.value == "2":
                raise ValueError(len(password))
            return request

    logs.configure("info", "json")
    stub = await serve_echo(Broken(echo_service()))
    await stub.call("Say", "1")
    with pytest.raises(aio.AioRpcError):
        await stub.call("Say", "2")
    (event,) = logged(capsys)
    assert event["event"] == "rpc failed"
    assert "ValueError: 7" in event["exception"]
    assert "hunter2" not in json.dumps(event)


def test_a_terminal_shows_failures_without_locals_too(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "console")

    def check(password: str) -> None:
        raise ValueError(len(password))

    try:
        check("hunter" + str(2))
    except ValueError:
        logs.get_logger("test").exception("failed")
    shown = capsys.readouterr().err
    assert "ValueError: 7" in shown
    assert "hunter2" not in shown


def test_libraries_log_in_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json")
    logging.getLogger("library").warning("%s is odd", "this")
    (event,) = logged(capsys)
    assert (event["event"], event["logger"], event["level"]) == (
        "this is odd",
        "library",
        "warning",
    )


def test_events_below_the_level_are_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("warning", "json")
    logs.get_logger("test").info("quiet")
    assert capsys.readouterr().err == ""


async def test_the_collector_may_be_away(serve_echo: ServeEcho) -> None:
    settings = traced("http://127.0.0.1:9", 1.0)
    async with asyncio.timeout(PATIENCE_SECONDS), telemetry(settings, "test") as told:
        chain = default_chain(ServerSettings.model_validate({"listen": "a:1"}), traces=told.traces)
        stub = await serve_echo(Echo(echo_service()), middleware=chain)
        assert await stub.call("Say", "a") == ["a"]
