"""A watch goes on where it stopped: when the server is back, and with a new token."""

import asyncio
import json
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio
from structlog.testing import capture_logs

from runtime.testing.waiting import PATIENCE_SECONDS, eventually
from tools.bodega.screen import Screen
from tools.bodega.tests import identity_server, shop
from tools.bodega.tests.identity_server import Identity
from tools.bodega.tests.logins import log_in
from tools.bodega.tests.terminal import Terminal, ended
from tools.bodega.watching import follow

pytest_plugins = ["tools.bodega.tests.shop_fixtures"]


async def test_a_watch_survives_the_server(
    terminal: Terminal, identity: Identity, tmp_path: Path
) -> None:
    async with AsyncExitStack() as first:
        address = await first.enter_async_context(shop.product(tmp_path, identity.url))
        operator = terminal.at("--profile", "operator", "--product", address)
        secret = str(identity.secret_file("operator"))
        await operator.fine("login", "--client-id", "operator", "--secret-file", secret)
        create = ("products", "create", "--name", "N", "--price", "1EUR", "--sku")
        await operator.fine(*create, "a")
        process = await operator.start("products", "watch", "--after", "0", "--json")
        assert process.stdout is not None
        async with asyncio.timeout(120):
            assert json.loads(await process.stdout.readline())["stored"]["sku"] == "a"
    async with shop.product(tmp_path, identity.url, listen=address), asyncio.timeout(120):
        await operator.fine(*create, "b")
        assert json.loads(await process.stdout.readline())["stored"]["sku"] == "b"
        process.terminate()
        await process.wait()


async def test_a_watch_of_three_token_lifetimes_shows_each_change_once_and_nothing_else(
    capsys: pytest.CaptureFixture[str], clean_environment: None, quiet: None, tmp_path: Path
) -> None:
    folder = tmp_path / "identity"
    folder.mkdir(mode=0o700)
    short: dict[str, Any] = {
        "access_token_lifetime": "2s",
        "device_poll_interval": "1s",
        "refresh_grace": "0s",
    }
    async with AsyncExitStack() as stack:
        identity = await stack.enter_async_context(identity_server.identity(folder, **short))
        product = await stack.enter_async_context(shop.product(tmp_path, identity.url))
        discount = await stack.enter_async_context(shop.discount(tmp_path, identity.url))
        leeway = timedelta(seconds=1)
        cart = await stack.enter_async_context(
            shop.cart(tmp_path, identity, product, discount, leeway=leeway)
        )
        state = tmp_path / "state"
        servers = ("--issuer", identity.url, "--product", product, "--cart", cart)
        terminal = Terminal(capsys, state, *servers)
        operator = terminal.at("--profile", "operator")
        secret = str(identity.secret_file("operator"))
        await operator.fine("login", "--client-id", "operator", "--secret-file", secret)
        create = ("products", "create", "--name", "Tea", "--sku", "tea", "--price", "10EUR")
        await operator.fine(*create)
        await log_in(identity, state)
        with capture_logs() as logs:

            def refreshes() -> int:
                return sum(log["event"] == "token.refresh" for log in logs)

            await terminal.fine("cart", "create", "1:1")
            process = await terminal.start("cart", "watch")
            etags = [await next_etag(process)]
            for _ in range(3):
                before = refreshes()
                # Nobody but the watch comes for a token meanwhile.
                await eventually(lambda before=before: refreshes() > before)  # type: ignore[misc]
                await terminal.fine("cart", "add", "1:1")
                etags.append(await next_etag(process))
        process.terminate()
        said = await ended(process)
    # One that was shown again would be there twice, before the one that came.
    assert len(set(etags)) == 4
    assert "Etag" not in said.out
    assert said.err == ""


async def next_etag(process: Process) -> str:
    """Return the etag of the cart that a watch shows next."""
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (line := await process.stdout.readline()).startswith(b"Etag"):
            assert line, "the watch has ended"
    return line.decode().split()[1]


class Streams:
    """Opens streams, each with responses and the code with which it ends."""

    def __init__(self, *streams: tuple[str, grpc.StatusCode]) -> None:
        self._streams: Iterator[tuple[str, grpc.StatusCode]] = iter(streams)
        self.opened_at: list[float] = []

    async def open(self) -> AsyncIterator[str]:
        self.opened_at.append(asyncio.get_running_loop().time())
        responses, code = next(self._streams)
        for response in responses:
            yield response
        raise aio.AioRpcError(code, aio.Metadata(), aio.Metadata())


async def followed(streams: Streams) -> tuple[str, grpc.StatusCode]:
    """Follow the streams to the error that is raised."""
    seen = ""
    try:
        async for response in follow(streams.open, Screen(as_json=False)):
            seen += response
    except aio.AioRpcError as error:
        return seen, error.code()
    raise AssertionError("no error was raised")


REFUSED = ("", grpc.StatusCode.UNAUTHENTICATED)


async def test_a_stream_that_is_refused_before_anything_came_is_not_opened_again() -> None:
    streams = Streams(REFUSED)
    assert await followed(streams) == REFUSED
    assert len(streams.opened_at) == 1


async def test_a_stream_that_is_refused_again_and_again_is_not_opened_for_ever(
    capsys: pytest.CaptureFixture[str],
) -> None:
    over = ("ab", grpc.StatusCode.UNAUTHENTICATED)
    streams = Streams(over, REFUSED, ("c", over[1]), REFUSED, REFUSED, REFUSED)
    assert await followed(streams) == ("abc", grpc.StatusCode.UNAUTHENTICATED)
    first, second, third, *rest = streams.opened_at
    assert len(rest) == 3
    # What is refused is not asked for again before the token is old enough to be dropped.
    assert third - second >= 1
    assert rest[2] - rest[0] >= 2
    assert second - first < third - second
    assert capsys.readouterr().err == ""
