"""A TCP relay between worker and server that a test can close at a given byte.

It makes "in the middle of the import" a place and not a moment: the traffic halts there
until the test has seen what it wants, killed whom it wants, and opens the gate again.
"""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Gate:
    """Relays to `upstream`; refuses while there is none. Counts connections and what is sent."""

    def __init__(self) -> None:
        self.address = ""
        self.upstream: str | None = None
        self.refused = 0
        self.connections = 0
        self.changed = asyncio.Condition()
        self._passed = 0
        self._limit = math.inf
        self._answering = True
        self._unanswered = b""

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator[Gate]:
        gate = cls()
        server = await asyncio.start_server(gate._relay, "127.0.0.1", 0)
        gate.address = "{}:{}".format(*server.sockets[0].getsockname())
        try:
            yield gate
        finally:
            server.close()
            server.close_clients()

    def close_after(self, size: int) -> None:
        """Halt what the client sends once that much more of it has passed."""
        self._limit = self._passed + size

    def lose_answer_to(self, text: bytes) -> None:
        """Once the client sends that text, let nothing more that the server says reach it."""
        self._unanswered = text

    async def halted(self) -> None:
        """Wait until the client has more to send than may pass."""
        async with self.changed:
            await self.changed.wait_for(lambda: self._passed >= self._limit)

    async def refusals(self, count: int) -> None:
        """Wait until the client was refused that often."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.refused >= count)

    async def open(self) -> None:
        """Let everything pass."""
        async with self.changed:
            self._limit = math.inf
            self._unanswered = b""
            self._answering = True
            self.changed.notify_all()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.upstream is None:
            async with self.changed:
                self.refused += 1
                self.changed.notify_all()
            writer.close()
            return
        self.connections += 1
        host, _, port = self.upstream.rpartition(":")
        try:
            server_reader, server_writer = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.close()
            return
        directions = {
            asyncio.ensure_future(self._pass_on(reader, server_writer)),
            asyncio.ensure_future(self._pass_back(server_reader, writer)),
        }
        await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        for direction in directions:
            direction.cancel()
        await asyncio.wait(directions)
        writer.close()
        server_writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        recent = b""
        with suppress(ConnectionError):
            while data := await reader.read(16_384):
                if self._unanswered:
                    # The text may come in two pieces.
                    recent = recent[-len(self._unanswered) :] + data
                    self._answering = self._answering and self._unanswered not in recent
                async with self.changed:
                    self._passed += len(data)
                    self.changed.notify_all()
                    await self.changed.wait_for(lambda: self._passed < self._limit)
                writer.write(data)
                await writer.drain()

    async def _pass_back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                if self._answering:
                    writer.write(data)
                    await writer.drain()
