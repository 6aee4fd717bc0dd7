"""The RPCs that a server runs, for the end of its life."""

import asyncio
from time import monotonic


class InFlight:
    """Counts the RPCs that began before the drain; only the event loop calls it."""

    def __init__(self) -> None:
        self._running = 0
        self._last_end = 0.0
        self._draining = False
        self._done = asyncio.Event()

    def begin(self) -> bool:
        """Count an RPC in and return whether it counts: what comes in a drain does not."""
        if self._draining:
            return False
        self._running += 1
        return True

    def end(self) -> None:
        """Count it out."""
        self._running -= 1
        if self._draining and not self._running:
            self._finish()

    async def drain(self, linger: float) -> None:
        """Wait until all have ended, and `linger` seconds more since the last one did."""
        self._draining = True
        if not self._running:
            self._finish()
        await self._done.wait()
        await asyncio.sleep(max(0.0, self._last_end + linger - monotonic()))

    def _finish(self) -> None:
        self._last_end = monotonic()
        self._done.set()
