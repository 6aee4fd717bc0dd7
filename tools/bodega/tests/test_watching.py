"""A watch goes on where it stopped, when the server that went away is back."""

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path

from tools.bodega.tests import shop
from tools.bodega.tests.shop import Identity
from tools.bodega.tests.terminal import Terminal


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
