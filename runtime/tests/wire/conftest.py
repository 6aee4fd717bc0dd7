"""One server of each engine for all rows of docs/wire.md: it must survive them all."""

from collections.abc import AsyncIterator, Iterator

import pytest

from runtime.engine import Engine
from runtime.testing.bystander import Bystander
from runtime.testing.echo_process import SERVICE, EchoProcess, serving_echo
from runtime.testing.http2 import Http2Connection


@pytest.fixture(params=[Engine.GRPCIO, Engine.NATIVE], ids=str, scope="session")
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn."""
    found: Engine = request.param
    return found


@pytest.fixture(scope="session")
def served(engine: Engine) -> Iterator[EchoProcess]:
    """Serve all four kinds of RPC."""
    with serving_echo(engine) as process:
        yield process


@pytest.fixture
async def connection(served: EchoProcess) -> AsyncIterator[Http2Connection]:
    """Connect to the server."""
    async with Http2Connection.open(served.address) as opened:
        yield opened


@pytest.fixture
async def bystander(served: EchoProcess) -> AsyncIterator[Bystander]:
    """Call the server on another connection for as long as the test runs; no call may fail."""
    async with Bystander.calling(served.address, f"/{SERVICE}/Say") as calling:
        yield calling
