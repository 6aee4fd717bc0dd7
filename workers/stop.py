"""Ending on a signal: what is under way may finish, for a moment."""

import asyncio
import signal
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

# A stream takes well under a second. One that hangs is abandoned: nothing is lost, since the
# server knows the batches that it has when they are sent again.
DRAIN = timedelta(seconds=2)


class Stop:
    """Whether the worker was asked to stop."""

    def __init__(self, drain: timedelta = DRAIN) -> None:
        self._drain = drain
        self._event = asyncio.Event()

    @classmethod
    def on_signals(cls) -> Stop:
        """Return one that SIGTERM and SIGINT set."""
        stop = cls()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.request)
        return stop

    def request(self) -> None:
        """Ask to stop."""
        self._event.set()

    @property
    def requested(self) -> bool:
        """Whether somebody asked."""
        return self._event.is_set()

    async def within(self, time: timedelta) -> bool:
        """Wait that long at most; return whether it is time to stop."""
        try:
            async with asyncio.timeout(time.total_seconds()):
                await self._event.wait()
        except TimeoutError:
            return False
        return True

    async def run[T](self, work: Coroutine[Any, Any, T]) -> T | None:
        """Run the work; when asked to stop, cancel it after the drain time and return None."""
        task = asyncio.ensure_future(work)
        waiting = asyncio.ensure_future(self._event.wait())
        try:
            await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                await asyncio.wait({task}, timeout=self._drain.total_seconds())
        finally:
            waiting.cancel()
            task.cancel()
        await asyncio.wait({task})
        return None if task.cancelled() else task.result()
