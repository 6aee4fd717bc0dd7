"""A client that behaves, while others do not."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, Self

from grpc import aio

from runtime.testing.waiting import PATIENCE_SECONDS


class Bystander:
    """Calls one unary method again and again; a call that fails ends the block with its error."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    @classmethod
    @asynccontextmanager
    async def calling(cls, address: str, method: str) -> AsyncIterator[Self]:
        """Call while the block runs, and once more at its end."""
        bystander, done = cls(), asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(bystander._call(address, method, done))
            yield bystander
            done.set()

    def percentile(self, share: float) -> float:
        """Return the seconds that this share of the calls took at most."""
        return sorted(self.seconds)[math.ceil(share * len(self.seconds)) - 1]

    async def _call(self, address: str, method: str, done: asyncio.Event) -> None:
        async with aio.insecure_channel(address) as channel:
            call: Any = channel.unary_unary(method)
            is_last = False
            while not is_last:
                is_last = done.is_set()
                began = monotonic()
                await call(b"", timeout=PATIENCE_SECONDS)
                self.seconds.append(monotonic() - began)
