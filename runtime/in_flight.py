"""The RPCs that a server runs, for the end of its life."""

import asyncio
from time import monotonic


class InFlight:
    """Counts the RPCs that began before the drain; only the event loop uses it.

    `running` and `draining` are fields, not methods: the registrar needs both at every RPC.
    """

    def __init__(self) -> None:
        self.running = 0
        self.draining = False
        self._last_end = 0.0
        self._done = asyncio.Event()

    def begin_drain(self) -> None:
        """Let nothing in any more: what comes from now on is late, and does not count."""
        self.draining = True
        self.note_end()

    def note_end(self) -> None:
        """See, in a drain, whether the RPC that ended was the last one."""
        if not self.running:
            self._last_end = monotonic()
            self._done.set()

    async def wait(self, linger: float) -> None:
        """Wait in a drain until all have ended, and `linger` seconds more since the last did."""
        await self._done.wait()
        await asyncio.sleep(max(0.0, self._last_end + linger - monotonic()))
