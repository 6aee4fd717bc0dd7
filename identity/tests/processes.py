"""The server as a process, and the means to act for a user beside it."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from identity.clients.clients import Clients
from identity.keys.key_cipher import open_cipher
from identity.keys.signing_keys import SigningKeys
from identity.parts import Foundations, Parts
from identity.tests.provider import (
    RESOURCES,
    Provider,
    client_of,
    new_user,
    register,
    settings_for,
)
from runtime.testing.databases import open_patiently
from runtime.testing.waiting import PATIENCE_SECONDS

ANY_PORT = ("--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0")


@dataclass
class Server:
    """One process; `output` is all that it has logged."""

    process: Process
    address: str = ""
    output: list[str] = field(default_factory=list)

    async def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        await self.process.wait()

    async def event(self, name: str) -> dict[str, str]:
        """Wait for an event in the log."""
        assert self.process.stderr is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            while line := await self.process.stderr.readline():
                self.output.append(line.decode())
                found: dict[str, str] = json.loads(line)
                if found["event"] == name:
                    return found
        raise AssertionError("the process ended before: " + "".join(self.output))

    async def read_on(self) -> None:
        """Read the log to its end, so that the process never waits for us."""
        assert self.process.stderr is not None
        while line := await self.process.stderr.readline():
            self.output.append(line.decode())


def command(url: str, home: Path, *flags: str) -> tuple[str, ...]:
    where = ("--database", url, "--migrate", "--data", str(home))
    return (sys.executable, "-m", "identity.server", *where, "--log-format", "json", *flags)


def environment(home: Path) -> dict[str, str]:
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith("BODEGA_")},
        "PYTHONPATH": os.pathsep.join(sys.path),
        "XDG_STATE_HOME": str(home),
    }


@asynccontextmanager
async def running(url: str, home: Path, *flags: str) -> AsyncIterator[Server]:
    """Run the server on a free port until the block ends."""
    process = await asyncio.create_subprocess_exec(
        *command(url, home, *ANY_PORT, *flags), env=environment(home), stderr=PIPE
    )
    server = Server(process)
    try:
        server.address = (await server.event("serving"))["address"]
        reading = asyncio.create_task(server.read_on())
        yield server
        reading.cancel()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def beside(url: str, home: Path, server: Server, **settings: str) -> AsyncIterator[Provider]:
    """Register clients and a user in a server's database, and decide for that user."""
    async with acting(url, home, f"http://{server.address}", **settings) as parts:
        await register(parts.base.clients)
        user, session = await new_user(parts.base.database)
        async with client_of(server.address) as http:
            yield Provider(parts, http, user, session, server.address)


@asynccontextmanager
async def acting(url: str, home: Path, issuer: str, **settings: str) -> AsyncIterator[Parts]:
    """Make the parts of a server over its database, as a second replica would."""
    read = settings_for(home, issuer=issuer, **settings)
    database = await open_patiently(url)
    try:
        cipher = open_cipher(read)
        keys = await SigningKeys.open(
            database, cipher, read, token_lifetime=read.access_token_lifetime
        )
        yield Parts(
            Foundations(
                settings=read,
                issuer=issuer,
                database=database,
                cipher=cipher,
                keys=keys,
                clients=Clients(database),
                resources=RESOURCES,
            )
        )
    finally:
        await database.close()


CLIENTS_FILE = """
[[resource]]
uri = "urn:example:orders"
name = "Orders"
scopes = { "orders.read" = "Read orders", "orders.write" = "Write orders" }

[[resource]]
uri = "urn:example:stock"
name = "Stock"
scopes = { "stock.read" = "Read the stock" }
"""


def clients_file(folder: Path) -> tuple[str, str]:
    """Write the resources of the tests; return the flags that name the file."""
    path = folder / "clients.toml"
    path.write_text(CLIENTS_FILE)
    return "--clients", str(path)
