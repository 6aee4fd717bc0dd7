"""The life of a server: start, introspection, drain and end."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from grpc import aio
from grpc_channelz.v1 import channelz_pb2, channelz_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

from runtime.call import Context
from runtime.client import connect
from runtime.endless import endless
from runtime.engine import Engine, TlsFiles
from runtime.main import StartError
from runtime.server import Server
from runtime.settings import ServerSettings
from runtime.testing.certificates import make_certificate
from runtime.testing.echo import Echo, EchoStub, add_echo, echo_service
from runtime.testing.rpc import Serve, ServeEcho
from runtime.testing.waiting import PATIENCE, PATIENCE_SECONDS, eventually

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING

# Generated without types.
HealthStub: Any = health_pb2_grpc.HealthStub
ChannelzStub: Any = channelz_pb2_grpc.ChannelzStub


class Gate(Echo):
    """Waits in each RPC until the gate opens; its stream of counts has no end."""

    def __init__(self) -> None:
        super().__init__(echo_service())
        self.began = asyncio.Event()
        self.begun = 0
        self.open = asyncio.Event()
        self.watch_ended = asyncio.Event()

    async def say(self, request: StringValue, _context: Context) -> StringValue:
        self.begun += 1
        self.began.set()
        await self.open.wait()
        return request

    @endless
    async def count(self, request: StringValue, _context: Context) -> AsyncGenerator[StringValue]:
        try:
            yield request
            await asyncio.Event().wait()
        finally:
            self.watch_ended.set()


def with_grace(settings: ServerSettings, grace: str) -> ServerSettings:
    return ServerSettings.model_validate(settings.model_dump() | {"grace": grace})


def gated_server(settings: ServerSettings) -> tuple[Server, Gate]:
    gate = Gate()
    server = Server(settings)
    server.add(add_echo, gate, gate.service)
    return server, gate


async def test_a_drain_lets_running_rpcs_finish(server_settings: ServerSettings) -> None:
    server, gate = gated_server(server_settings)
    async with connect_after(server, gate) as (stub, stop):
        running = stub.begin("Say", "a")
        await gate.began.wait()
        draining = asyncio.create_task(stop())
        await server.stopping.wait()
        gate.open.set()
        assert await running == "a"
        await draining


async def test_no_answer_given_in_a_drain_is_lost(server_settings: ServerSettings) -> None:
    server, gate = gated_server(server_settings)
    async with connect_after(server, gate) as (stub, stop):
        running = [stub.begin("Say", str(number)) for number in range(100)]
        await eventually(lambda: gate.begun == 100)
        draining = asyncio.create_task(stop())
        await server.stopping.wait()
        gate.open.set()
        assert await asyncio.gather(*running) == [str(number) for number in range(100)]
        await draining


async def test_a_drain_refuses_new_rpcs(server_settings: ServerSettings) -> None:
    server, gate = gated_server(server_settings)
    async with connect_after(server, gate) as (stub, stop):
        running = stub.begin("Say", "a")
        await gate.began.wait()
        draining = asyncio.create_task(stop())
        await server.stopping.wait()
        with pytest.raises(aio.AioRpcError) as caught:
            await stub.call("Say", "b")
        # grpcio drops what it accepts in the very moment that it stops.
        refused = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
        assert caught.value.code() in refused
        gate.open.set()
        assert await running == "a"
        await draining


async def test_a_drain_ends_endless_streams_at_once(server_settings: ServerSettings) -> None:
    server, gate = gated_server(with_grace(server_settings, "1h"))
    async with connect_after(server, gate) as (stub, stop):
        watching = stub.begin("Count", "a")
        assert await watching.read() == "a"
        draining = asyncio.create_task(stop())
        with pytest.raises(aio.AioRpcError) as caught:
            await watching.read()
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert caught.value.details() == "the server is stopping"
        assert gate.watch_ended.is_set()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await draining


async def test_endless_streams_have_a_share_of_their_own(server_settings: ServerSettings) -> None:
    shares = {"max_concurrent_rpcs": 1, "max_endless_streams": 2}
    settings = ServerSettings.model_validate(server_settings.model_dump() | shares)
    server, gate = gated_server(settings)
    async with connect_after(server, gate) as (stub, _):
        watches = [stub.begin("Count", "a") for _ in range(2)]
        assert [await watch.read() for watch in watches] == ["a", "a"]
        await refused(stub.begin("Count", "b").read(), "2 endless streams")
        running = stub.begin("Say", "c")
        await gate.began.wait()
        await refused(stub.begin("Say", "d"), "1 RPCs")
        gate.open.set()
        assert await running == "c"
        watches[0].cancel()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await is_admitted(stub.begin("Count", "e")):
                continue


async def is_admitted(watch: Any) -> bool:
    try:
        return await watch.read() is not aio.EOF
    except aio.AioRpcError:
        return False


async def refused(call: Awaitable[object], what: str) -> None:
    with pytest.raises(aio.AioRpcError, match=f"runs {what} already") as caught:
        await call
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_client_that_leaves_an_endless_stream_ends_it(serve_echo: ServeEcho) -> None:
    gate = Gate()
    stub = await serve_echo(gate)
    watching = stub.begin("Count", "a")
    assert await watching.read() == "a"
    watching.cancel()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await gate.watch_ended.wait()


async def test_rpcs_beyond_the_grace_end_as_unavailable(server_settings: ServerSettings) -> None:
    server, gate = gated_server(with_grace(server_settings, "100ms"))
    async with connect_after(server, gate) as (stub, stop):
        running = stub.begin("Say", "a")
        await gate.began.wait()
        draining = asyncio.create_task(stop())
        with pytest.raises(aio.AioRpcError) as caught:
            await running
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        await draining


async def test_a_drain_says_not_serving_first(server_settings: ServerSettings) -> None:
    server, gate = gated_server(server_settings)
    running = server.running()
    address = await running.__aenter__()
    async with connect(address, gate.service, timeout=PATIENCE) as channel:
        stub = HealthStub(channel)
        watching = stub.Watch(health_pb2.HealthCheckRequest(), timeout=PATIENCE_SECONDS)
        assert (await watching.read()).status == SERVING
        draining = asyncio.create_task(running.__aexit__(None, None, None))
        assert (await watching.read()).status == NOT_SERVING
        with pytest.raises(aio.AioRpcError) as caught:
            await watching.read()
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        await draining


class connect_after:  # noqa: N801 (used as a function)
    """A running server's stub, and the function that stops the server."""

    def __init__(self, server: Server, echo: Echo) -> None:
        self._running = server.running()
        self._echo = echo

    async def __aenter__(self) -> tuple[EchoStub, Any]:
        address = await self._running.__aenter__()
        self._channel = connect(address, self._echo.service, timeout=PATIENCE)
        return EchoStub(self._channel, self._echo.service), self._stop

    async def _stop(self) -> None:
        await self._running.__aexit__(None, None, None)

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()


async def test_a_taken_port_is_named(server_settings: ServerSettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = ServerSettings.model_validate(server_settings.model_dump() | {"listen": listen})
        with pytest.raises(StartError, match=f"--listen {listen}: address already in use"):
            async with Server(settings).running():
                pass


async def test_two_servers_cannot_share_a_port(server_settings: ServerSettings) -> None:
    async with Server(server_settings).running() as address:
        settings = ServerSettings.model_validate(server_settings.model_dump() | {"listen": address})
        with pytest.raises(StartError, match="address already in use"):
            async with Server(settings).running():
                pass


async def test_a_synchronous_handler_cannot_be_served(server_settings: ServerSettings) -> None:
    class Blocking(Echo):
        def say(self, request: StringValue, _context: Context) -> StringValue:  # type: ignore[override]
            return request

    with pytest.raises(TypeError, match="/Say must be `async def`"):
        Server(server_settings).add(
            add_echo, blocking := Blocking(echo_service()), blocking.service
        )


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
async def test_reflection_lists_and_describes_the_services(serve: Serve, version: str) -> None:
    echo = Echo(echo_service())
    channel = await serve(add_echo, echo, echo.service)

    async def ask(request: reflection_pb2.ServerReflectionRequest) -> Any:
        call: aio.StreamStreamCall[Any, Any] = channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )()
        await call.write(request)
        await call.done_writing()
        return await call.read()

    listed = await ask(reflection_pb2.ServerReflectionRequest(list_services=""))
    names = {each.name for each in listed.list_services_response.service}
    assert names >= {
        echo.service.full_name,
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    }
    for symbol in (*names, f"{echo.service.full_name}.Collect", f"grpc.reflection.{version}"):
        found = await ask(reflection_pb2.ServerReflectionRequest(file_containing_symbol=symbol))
        assert bool(found.file_descriptor_response.file_descriptor_proto) is (
            symbol != f"grpc.reflection.{version}"
        ), symbol


async def test_channelz_counts_calls(serve: Serve) -> None:
    echo = Echo(echo_service())
    channel = await serve(add_echo, echo, echo.service)
    stub = ChannelzStub(channel)
    await EchoStub(channel, echo.service).call("Collect", "a")
    servers = (await stub.GetServers(channelz_pb2.GetServersRequest())).server
    assert sum(each.data.calls_started for each in servers) >= 1


async def test_introspection_can_be_turned_off(server_settings: ServerSettings) -> None:
    closed = server_settings.model_dump() | {"introspection": False}
    async with (
        Server(ServerSettings.model_validate(closed)).running() as address,
        connect(address, timeout=PATIENCE) as channel,
    ):
        stub = ChannelzStub(channel)
        with pytest.raises(aio.AioRpcError) as caught:
            await stub.GetServers(channelz_pb2.GetServersRequest())
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.fixture
def socket_path() -> Iterator[Path]:
    """A path that is short enough for a Unix socket."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "echo.sock"


def is_socket(path: Path) -> bool:
    return path.is_socket()


def on_socket(settings: ServerSettings, path: Path) -> ServerSettings:
    return ServerSettings.model_validate(settings.model_dump() | {"listen": f"unix:{path}"})


async def test_a_server_listens_on_a_unix_socket_and_leaves_none_behind(
    server_settings: ServerSettings, socket_path: Path
) -> None:
    server = Server(on_socket(server_settings, socket_path))
    server.add(add_echo, echo := Echo(echo_service()), echo.service)
    async with server.running() as address:
        assert address == f"unix:{socket_path}"
        async with connect(address, echo.service, timeout=PATIENCE) as channel:
            assert await EchoStub(channel, echo.service).call("Say", "a") == ["a"]
            assert await EchoStub(channel, echo.service).call("Collect", "a", "b") == ["ab"]
    assert not is_socket(socket_path)


async def test_the_socket_of_a_killed_server_is_replaced(
    server_settings: ServerSettings, socket_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(socket_path))
    async with Server(on_socket(server_settings, socket_path)).running():
        assert is_socket(socket_path)


async def test_a_socket_that_is_served_is_not_taken_over(
    server_settings: ServerSettings, socket_path: Path
) -> None:
    settings = on_socket(server_settings, socket_path)
    async with Server(settings).running():
        with pytest.raises(
            StartError, match=f"--listen unix:{socket_path}: address already in use"
        ):
            async with Server(settings).running():
                pass


def test_a_file_that_is_no_socket_is_not_replaced(engine: Engine, socket_path: Path) -> None:
    socket_path.write_text("precious")
    with start(f"unix:{socket_path}", engine) as process:
        _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 1
    assert f"--listen unix:{socket_path}: file exists" in errors
    assert socket_path.read_text() == "precious"


async def test_a_socket_in_a_folder_that_is_missing_is_an_error(
    server_settings: ServerSettings, socket_path: Path
) -> None:
    with pytest.raises(StartError, match="no such file or directory"):
        async with Server(on_socket(server_settings, socket_path / "deeper")).running():
            pass


@pytest.fixture
def tls(tmp_path: Path) -> TlsFiles:
    """A certificate for localhost, signed by itself."""
    return make_certificate(tmp_path)


async def test_auto_serves_tls_where_there_is_a_certificate(tls: TlsFiles) -> None:
    settings = ServerSettings.model_validate(
        {"listen": "localhost:0", "tls_certificate": tls.certificate, "tls_key": tls.key}
    )
    echo = Echo(echo_service())
    server = Server(settings)
    server.add(add_echo, echo, echo.service)
    async with (
        server.running() as address,
        connect(address, echo.service, timeout=PATIENCE, tls_roots=tls.certificate) as channel,
    ):
        assert await EchoStub(channel, echo.service).call("Say", "a") == ["a"]


PROGRAM = """
from runtime import logs
from runtime.main import run
from runtime.server import Server
from runtime.settings import ServerSettings, load

async def serve():
    logs.configure("info", "json")
    await Server(load(ServerSettings)).serve_until_stopped()

run(serve())
"""


def start(listen: str, engine: Engine) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 (our own program)
        [sys.executable, "-c", PROGRAM, "--listen", listen, "--engine", engine],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_with_exit_code_0(engine: Engine, number: signal.Signals) -> None:
    with start("127.0.0.1:0", engine) as process:
        assert process.stderr is not None
        assert '"event": "serving"' in process.stderr.readline()
        process.send_signal(number)
        _, rest = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, rest
    events = [json.loads(line)["event"] for line in rest.splitlines()]
    assert events == ["draining", "stopped"]


def test_the_native_engine_warns_where_strangers_can_connect() -> None:
    with start("0.0.0.0:0", Engine.NATIVE) as process:
        assert process.stderr is not None
        assert '"engine": "native"' in process.stderr.readline()
        warning = json.loads(process.stderr.readline())
        process.terminate()
        process.communicate(timeout=PATIENCE_SECONDS)
    assert warning["level"] == "warning"
    assert "grpc-encoding" in warning["event"]


def test_sighup_ends_no_server_whether_it_serves_or_drains(engine: Engine) -> None:
    with start("127.0.0.1:0", engine) as process:
        assert process.stderr is not None
        assert '"event": "serving"' in process.stderr.readline()
        process.send_signal(signal.SIGHUP)
        assert '"event": "nothing to reload"' in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0


def test_a_taken_port_ends_the_process_with_a_message_and_no_traceback(engine: Engine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with start(listen, engine) as process:
            _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 1
    assert f"--listen {listen}: address already in use" in errors
    assert "Traceback" not in errors
