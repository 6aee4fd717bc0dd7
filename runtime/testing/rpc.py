"""Fixtures for RPC tests: real servers on real ports, on both engines."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest
from google.protobuf.descriptor import ServiceDescriptor

from runtime.client import Channel, connect
from runtime.engine import ChannelOptions, Engine
from runtime.health import Health
from runtime.middleware import Middleware
from runtime.server import Server
from runtime.settings import ServerSettings
from runtime.testing.echo import Echo, EchoStub, add_echo
from runtime.testing.waiting import PATIENCE
from runtime.tracing import TraceSource

type Serve = Callable[..., Awaitable[Channel]]


@pytest.fixture(params=[Engine.GRPCIO, Engine.NATIVE], ids=str)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn."""
    found: Engine = request.param
    return found


@pytest.fixture
def server_settings(engine: Engine) -> ServerSettings:
    """Return settings for a server on a free port of this machine."""
    return ServerSettings.model_validate(
        {"listen": "127.0.0.1:0", "engine": engine, "grace": PATIENCE}
    )


@pytest.fixture
async def serve(server_settings: ServerSettings) -> AsyncIterator[Serve]:
    """Serve a servicer until the test ends and return a channel to it.

    `channel = await serve(add_ProductServiceServicer_to_server, servicer, descriptor)`
    """
    async with AsyncExitStack() as stack:

        async def start(
            adder: Callable[[Any, Any], None],
            servicer: object,
            service: ServiceDescriptor,
            *,
            middleware: Sequence[Middleware] | None = None,
            health: Health | None = None,
            client_options: ChannelOptions = (),
            traces: TraceSource | None = None,
        ) -> Channel:
            server = Server(server_settings, middleware=middleware, health=health)
            server.add(adder, servicer, service)
            address = await stack.enter_async_context(server.running())
            channel = connect(
                address, service, timeout=PATIENCE, options=client_options, traces=traces
            )
            return await stack.enter_async_context(channel)

        yield start


type ServeEcho = Callable[..., Awaitable[EchoStub]]


@pytest.fixture
def serve_echo(serve: Serve) -> ServeEcho:
    """Serve an `Echo` and return a stub for it."""

    async def start(servicer: Echo, **how: Any) -> EchoStub:
        channel = await serve(add_echo, servicer, servicer.service, **how)
        return EchoStub(channel, servicer.service)

    return start
