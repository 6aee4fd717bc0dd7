"""Fixtures for RPC tests: real servers on real ports, on both engines."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest
from google.protobuf.descriptor import ServiceDescriptor
from grpc import aio

from runtime.client import connect
from runtime.engine import Engine
from runtime.health import Health
from runtime.middleware import Middleware
from runtime.server import Server
from runtime.settings import ServerSettings

type Serve = Callable[..., Awaitable[aio.Channel]]


@pytest.fixture(params=[Engine.GRPCIO, Engine.NATIVE], ids=str)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn."""
    found: Engine = request.param
    return found


@pytest.fixture
def server_settings(engine: Engine) -> ServerSettings:
    """Return settings for a server on a free port of this machine."""
    return ServerSettings.model_validate({"listen": "127.0.0.1:0", "engine": engine, "grace": "5s"})


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
        ) -> aio.Channel:
            server = Server(server_settings, middleware=middleware, health=health)
            server.add(adder, servicer, service)
            address = await stack.enter_async_context(server.running())
            return await stack.enter_async_context(connect(address, service))

        yield start
