"""Wakes those who watch the catalogue."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from runtime.failure import report
from runtime.logs import get_logger

log = get_logger(__name__)


class ChangeHub:
    """Knows the newest revision, and lets any number of watchers wait for the next one.

    It holds no changes: each watcher reads them from the database at its own pace, so a slow
    one costs nothing.
    """

    def __init__(self) -> None:
        self._revision = 0
        self.waiting = 0
        self._moved = asyncio.Event()

    def advance(self, revision: int) -> None:
        """Tell of a revision that is committed."""
        if revision > self._revision:
            self._revision = revision
            self._moved.set()
            self._moved = asyncio.Event()

    async def wait_past(self, revision: int) -> None:
        """Return once a later revision is committed."""
        self.waiting += 1
        try:
            while self._revision <= revision:
                await self._moved.wait()
        finally:
            self.waiting -= 1

    async def follow(self, newest: Callable[[], Awaitable[int]], every: timedelta) -> None:
        """Ask for the newest revision again and again, for what other replicas commit."""
        is_failing = False
        while True:
            await asyncio.sleep(every.total_seconds())
            if not self.waiting:
                continue
            try:
                self.advance(await newest())
                is_failing = False
            except Exception as error:  # noqa: BLE001 (a corrupt file may be replaced, too)
                if not is_failing:
                    report(log, "changes of other replicas are not seen", error)
                is_failing = True
