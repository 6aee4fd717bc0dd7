"""One run of the shop, from its start to its exit code."""

import asyncio
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console, RenderableType
from rich.text import Text

from tools.shop.display import Scene, make_display
from tools.shop.keeper import Timing
from tools.shop.part import Part, Port
from tools.shop.programs import Programs
from tools.shop.settings import ShopSettings, here
from tools.shop.status import Status
from tools.shop.summary import ending_faults, faults, log_tails, summary
from tools.shop.supervisor import Supervisor

# Sent once to be obeyed, twice by somebody in a hurry.
_REQUESTS = (signal.SIGINT, signal.SIGTERM)


class Run:
    """One run of the shop."""

    def __init__(
        self,
        settings: ShopSettings,
        parts: Sequence[Part],
        *,
        programs: Programs,
        addresses: Mapping[Port, str],
        data: Path,
    ) -> None:
        self._settings = settings
        self._stop = asyncio.Event()
        self._display = make_display(settings.screen, self._stop.set)
        self._supervisor = Supervisor(
            parts,
            programs=programs,
            addresses=addresses,
            data=data,
            cwd=here(),
            timing=Timing(
                start_timeout=settings.start_timeout.total_seconds(),
                grace=settings.grace.total_seconds(),
            ),
            on_change=self._display.changed,
        )
        self._scene = Scene(self._supervisor.statuses, data)

    async def to_the_end(self) -> int:
        """Run until told to stop or until the time is over; return the exit code."""
        with self._signals():
            async with self._display.shown(self._scene), self._supervisor.running():
                found = await self._attend()
                self._scene.ending = True
        return self._conclude([*found, *ending_faults(self._supervisor.statuses)])

    @contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in _REQUESTS:
            loop.add_signal_handler(number, self._on_request)
        # A terminal that hangs up may say so twice, and is in no hurry.
        loop.add_signal_handler(signal.SIGHUP, self._stop.set)
        try:
            yield
        finally:
            for number in (*_REQUESTS, signal.SIGHUP):
                loop.remove_signal_handler(number)

    def _on_request(self) -> None:
        if self._scene.ending:
            self._supervisor.hurry()
        self._stop.set()

    async def _attend(self) -> list[str]:
        """Wait for the end, and return what is not well then."""
        duration = self._settings.duration
        if duration is None:
            await self._stop.wait()
            return []
        stopped = asyncio.create_task(self._stop.wait())
        unattended = asyncio.create_task(self._unattended(duration.total_seconds()))
        try:
            await asyncio.wait({stopped, unattended}, return_when=asyncio.FIRST_COMPLETED)
            if unattended.done():
                return unattended.result()
            return ["the run was interrupted", *faults(self._supervisor.statuses)]
        finally:
            stopped.cancel()
            unattended.cancel()

    async def _unattended(self, duration: float) -> list[str]:
        limit = self._settings.start_timeout.total_seconds()
        for status in self._supervisor.statuses:
            try:
                async with asyncio.timeout(limit):
                    await status.ready.wait()
            except TimeoutError:
                late = f"{status.part.name} was not healthy within {limit:g} s: {_why(status)}"
                return [late, *faults(s for s in self._supervisor.statuses if s.ready.is_set())]
        self._scene.deadline = time.monotonic() + duration
        await asyncio.sleep(duration)
        await self._supervisor.look()
        return faults(self._supervisor.statuses)

    def _conclude(self, found: Sequence[str]) -> int:
        statuses = self._supervisor.statuses
        unattended = self._settings.duration is not None
        _print(summary(statuses, time.monotonic() - self._scene.started))
        if found:
            _print(log_tails(statuses))
        for fault in found:
            _print(Text(f"✗ {fault}", "red"))
        if unattended and not found:
            _print(Text("✓ all was well", "green"))
        return 1 if unattended and found else 0


def _why(status: Status) -> str:
    return status.last_error.text if status.last_error else status.answer


def _print(what: RenderableType) -> None:
    try:
        Console(soft_wrap=True).print(what)
    except OSError:
        # The reader has left before the end. The exit code still tells.
        return
