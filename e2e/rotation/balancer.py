"""What stands in front of replicas: each connection goes to the next of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Self


class Balancer:
    """Relays TCP connections from `address`, to the replicas in turns."""

    def __init__(self) -> None:
        self.address = ""
        self._replicas: list[str] = []

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator[Self]:
        """Listen on a free port until the block ends."""
        balancer = cls()
        server = await asyncio.start_server(balancer._relay, "127.0.0.1", 0)
        balancer.address = "{}:{}".format(*server.sockets[0].getsockname())
        try:
            yield balancer
        finally:
            server.close()
            server.close_clients()

    def add(self, replica: str) -> None:
        """Let a replica, by its HOST:PORT, have its share."""
        self._replicas.append(replica)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        replica = self._replicas.pop(0)
        self._replicas.append(replica)
        host, _, port = replica.rpartition(":")
        server_reader, server_writer = await asyncio.open_connection(host, int(port))
        directions = [
            asyncio.create_task(_pass_on(reader, server_writer)),
            asyncio.create_task(_pass_on(server_reader, writer)),
        ]
        await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        for direction in directions:
            direction.cancel()
        await asyncio.wait(directions)
        writer.close()
        server_writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
