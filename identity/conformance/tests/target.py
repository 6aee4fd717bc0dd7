"""The server in a thread of its own, for tests that are not asynchronous, and raw HTTP to it."""

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

from identity.conformance.tests.browser import Browser
from identity.conformance.tests.provider import Provider, provider_on
from identity.conformance.tests.relying_party import Flow
from runtime.database import open_database
from runtime.migrate import upgrade
from runtime.testing.waiting import PATIENCE_SECONDS


@dataclass(frozen=True)
class Sent:
    """A request, in bytes that need not be right."""

    method: str = "GET"
    path: bytes = b"/"
    headers: tuple[tuple[str, bytes], ...] = ()
    body: bytes = b""
    chunked: bool = False

    def encoded(self, address: str) -> bytes:
        """Return what goes over the wire, with as much of HTTP as keeps it one request."""
        headers = [*self.headers, ("Connection", b"close")]
        if not any(name == "Host" for name, _ in headers):
            headers.append(("Host", address.encode()))
        body = self.body
        if self.chunked:
            headers.append(("Transfer-Encoding", b"chunked"))
            chunks = [body[i : i + 7] for i in range(0, len(body), 7)]
            body = b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in chunks) + b"0\r\n\r\n"
        else:
            headers.append(("Content-Length", str(len(body)).encode()))
        lines = [name.encode() + b": " + value for name, value in headers]
        first = self.method.encode() + b" " + self.path + b" HTTP/1.1"
        return b"\r\n".join([first, *lines, b"", body])


@dataclass(frozen=True)
class Received:
    """An answer."""

    status: int
    headers: dict[str, list[str]]
    body: bytes

    def header(self, name: str) -> str:
        """Return a header's one value, or nothing."""
        return ", ".join(self.headers.get(name.lower(), []))


@dataclass(frozen=True)
class Target:
    """Where the server listens, and what a client and a browser of its have come by so far."""

    address: str
    issuer: str
    cookie: str
    tokens: dict[str, str] = field(default_factory=dict)

    def send(self, sent: Sent) -> Received:
        """Send a request; TimeoutError where no answer comes."""
        host, _, port = self.address.rpartition(":")
        with socket.create_connection((host, int(port)), PATIENCE_SECONDS) as connection:
            connection.sendall(sent.encoded(self.address))
            response = http.client.HTTPResponse(connection, method=sent.method)
            response.begin()
            headers: dict[str, list[str]] = {}
            for name, value in response.getheaders():
                headers.setdefault(name.lower(), []).append(value)
            return Received(response.status, headers, response.read())


@contextmanager
def running(database_url: str, data: Path, **settings: Any) -> Iterator[Target]:
    """Run the server, with a user who is logged in and has authorized `rp`."""
    started: list[Target] = []
    ready, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        await upgrade(database_url, "identity.migrations")
        database = await open_database(database_url)
        try:
            async with provider_on(database, data, **settings) as provider:
                started.append(await _prepared(provider))
                ready.set()
                await stop.wait()
        finally:
            await database.close()
            ready.set()

    thread = threading.Thread(target=loop.run_until_complete, args=[serve()])
    thread.start()
    try:
        ready.wait()
        yield started[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


async def _prepared(provider: Provider) -> Target:
    async with Browser(provider.issuer) as browser:
        tokens = await Flow(provider).tokens(browser, scope="openid profile orders.read")
        pushed = await Flow(provider).post("/par", **Flow(provider).parameters())
        device = await Flow(provider, "app").post("/device_authorization", scope="openid")
        cookie = "; ".join(f"{name}={value}" for name, value in browser.http.cookies.items())
    known = {**tokens, **pushed.json(), **device.json()}
    texts = {name: value for name, value in known.items() if isinstance(value, str)}
    return Target(provider.address, provider.issuer, cookie, texts)


def form(pairs: list[tuple[str, str | bytes]]) -> bytes:
    """Encode a form or query; bytes go as they are, percent-encoded, whether UTF-8 or not."""
    return b"&".join(
        quote_from_bytes(_bytes(name)).encode() + b"=" + quote_from_bytes(_bytes(value)).encode()
        for name, value in pairs
    )


def as_json(pairs: list[tuple[str, str | bytes]]) -> bytes:
    """Encode the same as JSON, which no endpoint takes."""
    return json.dumps({name: str(value) for name, value in pairs}).encode()


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
