"""Limits of connections: who makes room, who is refused, and how long one may be idle."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY

from identity.http.connections import ConnectionLimits, Connections
from identity.http.serving import HttpServer, Listener
from runtime.testing.waiting import PATIENCE, PATIENCE_SECONDS, eventually

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LONG_IDLE = timedelta(hours=1)

type Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class App:
    """Answers at once, or where a path says so when a test lets it."""

    def __init__(self) -> None:
        self.begun = 0
        self.open = asyncio.Event()

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        self.begun += 1
        if scope["path"] == "/slow":
            await self.open.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})


@asynccontextmanager
async def served(app: App, **limits: Any) -> AsyncIterator[str]:
    chosen = ConnectionLimits(**{"keep_alive": LONG_IDLE, **limits})
    server = HttpServer(app, Listener("127.0.0.1:0"), grace=PATIENCE, limits=chosen)
    async with server.running() as address:
        yield address


async def connected(address: str, host: str = "127.0.0.1") -> Streams:
    """Connect from an address of this machine."""
    to, _, port = address.rpartition(":")
    return await asyncio.open_connection(to, int(port), local_addr=(host, 0))


async def answered(streams: Streams, request: bytes = GET) -> bool:
    """Whether a request on the connection is answered."""
    reader, writer = streams
    async with asyncio.timeout(PATIENCE_SECONDS):
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            writer.write(request)
            return (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204 ")
    return False


async def closed(streams: Streams) -> bool:
    """Wait until the server has closed the connection; nothing may come before."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        with suppress(ConnectionError):
            return await streams[0].read() == b""
    return True


def close(*connections: Streams) -> None:
    for _, writer in connections:
        writer.close()


def limited(limit: str, outcome: str) -> float:
    labels = {"limit": limit, "outcome": outcome}
    return REGISTRY.get_sample_value("bodega_http_server_connections_limited_total", labels) or 0.0


async def test_idle_connections_of_one_address_stop_nobody() -> None:
    async with served(App(), total=64, of_address=16) as address:
        flood = [await connected(address, "127.0.0.2") for _ in range(200)]
        others = [await connected(address, f"127.0.0.{10 + number}") for number in range(8)]
        assert all([await answered(other) for other in others])
        # Of the flood as many are left as one address may have.
        assert all([await closed(each) for each in flood[:-16]])
        assert all([await answered(each) for each in flood[-16:]])
        assert all([await answered(other) for other in others])
        close(*flood, *others)


async def test_an_address_at_its_limit_is_served_where_one_of_its_connections_is_idle() -> None:
    app = App()
    async with served(app, of_address=2) as address:
        closings, refusals = limited("address", "closed"), limited("address", "refused")
        idle, busy = await connected(address), await connected(address)
        assert await answered(idle)
        busy[1].write(GET.replace(b"/", b"/slow", 1))
        await eventually(lambda: app.begun == 2)
        new = await connected(address)
        assert await answered(new)
        assert await closed(idle)
        assert limited("address", "closed") == closings + 1
        new[1].write(GET.replace(b"/", b"/slow", 1))
        await eventually(lambda: app.begun == 4)
        # Requests that are being answered make room for nobody.
        refused = await connected(address)
        assert await closed(refused)
        assert limited("address", "refused") == refusals + 1
        app.open.set()
        for each in (busy, new):
            assert b" 204 " in await each[0].readuntil(b"\r\n")
        close(idle, busy, new, refused)


async def test_in_total_the_longest_idle_connection_makes_room() -> None:
    async with served(App(), total=3) as address:
        first, second, third = [await connected(address, f"127.0.0.{n}") for n in (2, 3, 4)]
        assert all([await answered(each) for each in (second, third, first)])
        fourth = await connected(address, "127.0.0.5")
        assert await answered(fourth)
        assert await closed(second)
        assert all([await answered(each) for each in (first, third, fourth)])
        close(first, second, third, fourth)


async def test_the_connections_of_a_trusted_proxy_are_limited_in_total_only() -> None:
    async with served(App(), of_address=2, trusted_proxies="127.0.0.2") as address:
        of_proxy = [await connected(address, "127.0.0.2") for _ in range(8)]
        assert all([await answered(each) for each in of_proxy])
        close(*of_proxy)


async def test_an_idle_connection_is_kept_for_as_long_as_the_setting_says() -> None:
    async with served(App(), keep_alive=timedelta(milliseconds=100)) as address:
        connection = await connected(address)
        assert await answered(connection)
        assert await closed(connection)
        close(connection)


@pytest.mark.parametrize("late", [b"abc", b"\r\n"])
async def test_what_comes_after_an_answer_keeps_no_connection_open(
    late: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest of a body that nobody wanted, or an empty line."""
    monkeypatch.setattr("identity.http.protocol.ARRIVAL_SECONDS", 0.2)
    async with served(App(), keep_alive=timedelta(milliseconds=100)) as address:
        connection = await connected(address)
        length = b"Content-Length: 3\r\n\r\n" if late == b"abc" else b"\r\n"
        assert await answered(connection, b"GET / HTTP/1.1\r\nHost: a\r\n" + length)
        connection[1].write(late)
        assert await closed(connection)
        close(connection)


class Counted:
    """A connection that notes whether it was closed."""

    def __init__(self) -> None:
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True


def test_all_of_an_ipv6_network_is_one_address() -> None:
    connections = Connections(ConnectionLimits(of_address=2))
    made = [Counted() for _ in range(3)]
    for number, connection in enumerate(made):
        assert connections.admit(connection, f"2001:db8::{number + 1}")
    assert [each.aborted for each in made] == [True, False, False]


def test_a_connection_that_was_closed_counts_no_longer() -> None:
    connections = Connections(ConnectionLimits(total=1, of_address=1))
    first, second = Counted(), Counted()
    assert connections.admit(first, "192.0.2.1")
    connections.serve(first)
    assert not connections.admit(second, "192.0.2.1")
    assert not connections.admit(second, "192.0.2.2")
    connections.forget(first)
    assert connections.admit(second, "192.0.2.2")
    assert not first.aborted
