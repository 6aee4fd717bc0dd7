"""Shows the shop: as a live screen on a terminal, as plain lines elsewhere."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from rich.live import Live

from tools.shop.keys import keys
from tools.shop.screen import Screen, View
from tools.shop.status import State, Status
from tools.shop.words import count_words, latency_words, rate_words

_FRAME = 0.5
_PLAIN_EVERY = 10.0


@dataclass(slots=True)
class Scene:
    """What a display shows. `started` and `deadline` are of the monotonic clock."""

    statuses: Sequence[Status]
    data: Path
    started: float = field(default_factory=time.monotonic)
    deadline: float | None = None
    ending: bool = False


class Display(Protocol):
    """Shows a scene for as long as `shown` is entered."""

    def shown(self, scene: Scene) -> AbstractAsyncContextManager[None]:
        """Show the scene."""

    def changed(self, status: Status) -> None:
        """Take note of a part's change of state."""


def make_display(kind: str, stop: Callable[[], None]) -> Display:
    """Make the display for "live", "plain" or "auto"; it calls `stop` when the user has enough."""
    terminal = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    if kind == "live" or (kind == "auto" and terminal):
        return LiveDisplay(stop)
    return PlainDisplay(stop)


class LiveDisplay:
    """One screen, redrawn twice a second and whenever something happens."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._dirty = asyncio.Event()
        self._log_of: int | None = None
        self._count = 0

    def changed(self, _status: Status) -> None:
        """Draw soon."""
        self._dirty.set()

    @asynccontextmanager
    async def shown(self, scene: Scene) -> AsyncIterator[None]:
        """Take the terminal, and give it back whatever happens."""
        self._count = len(scene.statuses)
        loop = asyncio.get_running_loop()
        with ExitStack() as held:
            held.enter_context(keys(sys.stdin.fileno(), self._on_key))
            live = held.enter_context(Live(screen=True, auto_refresh=False))
            loop.add_signal_handler(signal.SIGWINCH, self._dirty.set)
            held.callback(loop.remove_signal_handler, signal.SIGWINCH)
            drawing = asyncio.create_task(self._draw(live, scene))
            drawing.add_done_callback(lambda _: self._stop())
            try:
                yield
            finally:
                drawing.cancel()
                await asyncio.gather(drawing, return_exceptions=True)

    async def _draw(self, live: Live, scene: Scene) -> None:
        while True:
            self._dirty.clear()
            live.update(Screen(self._view(scene)), refresh=True)
            try:
                async with asyncio.timeout(_FRAME):
                    await self._dirty.wait()
            except TimeoutError:
                continue

    def _view(self, scene: Scene) -> View:
        now = time.monotonic()
        return View(
            statuses=scene.statuses,
            data=scene.data,
            now=now,
            up=now - scene.started,
            left=None if scene.deadline is None else max(0.0, scene.deadline - now),
            ending=scene.ending,
            log_of=self._log_of,
        )

    def _on_key(self, key: str) -> None:
        match key:
            case "q":
                self._stop()
            case "l":
                following = 0 if self._log_of is None else self._log_of + 1
                self._log_of = following if following < self._count else None
            case "\x1b" | "0":
                self._log_of = None
            case digit if digit.isdecimal() and int(digit) <= self._count:
                self._log_of = int(digit) - 1
        self._dirty.set()


class PlainDisplay:
    """A line for each change of state, and now and then one with the numbers."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._started = time.monotonic()
        self._gone = False

    def changed(self, status: Status) -> None:
        """Say it in one line."""
        what = status.state.value
        match status.state:
            case State.STARTING:
                what += f", pid {status.pid}"
            case State.HEALTHY:
                what += f" at {status.address}"
            case State.BACKOFF:
                what += f" in {status.retry_at - time.monotonic():.1f} s"
        if status.state in {State.BACKOFF, State.UNHEALTHY} and status.trouble:
            what += f": {status.trouble.text}"
        self._say(f"{status.part.name}: {what}")

    @asynccontextmanager
    async def shown(self, scene: Scene) -> AsyncIterator[None]:
        """Say where the data is, then the numbers at intervals."""
        self._say(f"data and logs in {scene.data}")
        ticking = asyncio.create_task(self._tick(scene))
        try:
            yield
        finally:
            ticking.cancel()

    async def _tick(self, scene: Scene) -> None:
        while True:
            await asyncio.sleep(_PLAIN_EVERY)
            for status in scene.statuses:
                if status.history.last and not scene.ending:
                    self._say(f"{status.part.name}: {_numbers(status)}")

    def _say(self, text: str) -> None:
        if self._gone:
            return
        try:
            print(f"{time.monotonic() - self._started:7.1f}s  {text}", flush=True)
        except OSError:
            # Whoever read has left: the shop ends, and its parts must hear of it in order.
            self._gone = True
            self._stop()


def _numbers(status: Status) -> str:
    history = status.history
    last = history.last
    numbers = [
        f"{rate_words(history.rate())} calls/s",
        f"p50 {latency_words(history.quantile(0.50))}",
        f"p99 {latency_words(history.quantile(0.99))}",
    ]
    if last and last.counts:
        numbers.append(count_words(last.counts))
    return ", ".join(numbers)
