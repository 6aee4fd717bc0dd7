import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import override

from sqlalchemy import Connection

from identity.tests.counting import CountingDatabase
from runtime.database import Database


@dataclass(frozen=True)
class Hold:
    """A write that waits: whether it has come, and whether it may go on."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)


class HoldingDatabase(CountingDatabase):
    """Lets a write wait, so that a test does something else in the middle of a request."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._hold: Hold | None = None

    def hold(self) -> Hold:
        """Hold the next write."""
        self._hold = Hold()
        return self._hold

    @override
    async def write[T](self, work: Callable[[Connection], T]) -> T:
        hold, self._hold = self._hold, None
        if hold is not None:
            hold.reached.set()
            await hold.released.wait()
        return await super().write(work)
