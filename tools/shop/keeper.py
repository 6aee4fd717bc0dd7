"""Keeps one part running: starts it, watches it, starts it again when it dies."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.shop.metrics import History, read
from tools.shop.part import Part, Port
from tools.shop.probe import ProbeError, Readiness, get, readiness
from tools.shop.process import Child, describe_exit
from tools.shop.programs import Program
from tools.shop.status import State, Status

_STARTING_PERIOD = 0.1
_PERIOD = 1.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses before a restart, in seconds: doubled each time, with jitter, up to the cap.

    A part that was healthy for `forgiven_after` seconds starts again from the first pause.
    """

    first: float = 0.5
    cap: float = 30.0
    forgiven_after: float = 60.0

    def pause(self, failures: int) -> float:
        """Return the pause after so many failures in a row (1 or more): half to whole its bound."""
        bound = min(self.cap, self.first * 2.0 ** min(failures - 1, 32))
        return bound * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


@dataclass(frozen=True, slots=True)
class Timing:
    """Limits in seconds."""

    start_timeout: float = 60.0
    grace: float = 15.0
    backoff: Backoff = Backoff()


@dataclass(frozen=True, slots=True)
class Plan:
    """How a part is to be run."""

    part: Part
    program: Program
    addresses: Mapping[Port, str]
    data: Path
    cwd: Path

    @property
    def command(self) -> list[str]:
        """The whole command, with its flags filled in."""
        names = {port.name: address for port, address in self.addresses.items()}
        names |= {"data": str(self.data), "here": str(Path(__file__).parent)}
        return [*self.program.command, *(flag.format_map(names) for flag in self.part.flags)]


class Keeper:
    """Runs until it is cancelled; then it ends the process in order before it returns."""

    def __init__(
        self,
        plan: Plan,
        status: Status,
        *,
        needs: Sequence[Status],
        timing: Timing,
        hurry: asyncio.Event,
        on_change: Callable[[Status], None],
    ) -> None:
        self._plan = plan
        self._status = status
        self._needs = needs
        self._timing = timing
        self._hurry = hurry
        self._on_change = on_change
        self._failures = 0

    async def run(self) -> None:
        """Keep the part running."""
        probe = readiness(self._plan.part.ready, self._plan.addresses)
        try:
            while True:
                await self._wait_for_needs()
                await self._one_life(probe)
                if self._status.exit_code in self._plan.part.done_codes:
                    self._done()
                    return
                await self._pause()
        except asyncio.CancelledError:
            self._change(State.STOPPED)
            raise
        finally:
            await probe.close()

    async def look(self) -> None:
        """Bring the numbers up to this moment."""
        if self._status.state is State.HEALTHY:
            await self._scrape()

    async def _wait_for_needs(self) -> None:
        for need in self._needs:
            if not need.ready.is_set():
                self._change(State.WAITING)
                await need.ready.wait()

    async def _one_life(self, probe: Readiness) -> None:
        status = self._status
        status.history, status.answer = History(), "no answer yet"
        child = await self._start()
        exited = asyncio.create_task(child.wait())
        watching = asyncio.create_task(self._watch(probe))
        try:
            await asyncio.wait({exited, watching}, return_when=asyncio.FIRST_COMPLETED)
            if exited.done():
                status.fail(self._last_words(exited.result()))
            else:
                status.fail(watching.result())
        finally:
            watching.cancel()
            await _whole(asyncio.create_task(self._end(child, died=exited.done())))

    async def _start(self) -> Child:
        status, plan = self._status, self._plan
        child = await Child.start(
            plan.command, env=plan.program.env, cwd=plan.cwd, on_output=status.log.write
        )
        status.pid, status.started, status.exit_code = child.pid, time.monotonic(), None
        self._change(State.STARTING)
        return child

    async def _end(self, child: Child, *, died: bool) -> None:
        """Stop the process if it still runs, and note how it ended."""
        status = self._status
        status.ready.clear()
        if not died:
            self._change(State.STOPPING)
        status.exit_code = await child.stop(self._timing.grace, self._hurry)
        status.killed = child.killed
        status.pid = status.started = None
        status.log.finish()

    def _last_words(self, code: int) -> str:
        said = [line.event for line in self._status.log.lines]
        return describe_exit(code) + (f": {said[-1]}" if said and code > 0 else "")

    async def _watch(self, probe: Readiness) -> str:
        """Follow the part while it lives; return why it must be ended."""
        try:
            async with asyncio.timeout(self._timing.start_timeout):
                await self._become_healthy(probe)
        except TimeoutError:
            return f"not healthy within {self._timing.start_timeout:g} s ({self._status.answer})"
        while True:
            await self._scrape()
            await asyncio.sleep(_PERIOD)
            await self._check(probe)

    async def _become_healthy(self, probe: Readiness) -> None:
        while not self._status.ready.is_set():
            await self._check(probe)
            await asyncio.sleep(_STARTING_PERIOD)

    async def _check(self, probe: Readiness) -> None:
        status = self._status
        try:
            await probe.check()
        except ProbeError as error:
            status.answer = str(error)
            if status.ready.is_set():
                status.ready.clear()
                status.fail(status.answer)
                self._change(State.UNHEALTHY)
        else:
            self._healthy()

    def _healthy(self) -> None:
        status = self._status
        if status.state is not State.HEALTHY:
            status.ready.set()
            self._change(State.HEALTHY)
        elif time.monotonic() - status.since > self._timing.backoff.forgiven_after:
            self._failures = 0

    async def _scrape(self) -> None:
        part, status = self._plan.part, self._status
        try:
            text = await get(self._plan.addresses[part.metrics], "/metrics")
            sample = read(text, time.monotonic(), part.calls, part.counts)
        except (ProbeError, ValueError) as error:
            status.fail(f"metrics: {error}")
        else:
            status.history.add(sample)

    def _done(self) -> None:
        status = self._status
        if status.exit_code == 0:
            status.trouble = None
        status.ready.set()
        self._change(State.DONE)

    async def _pause(self) -> None:
        self._failures += 1
        status = self._status
        status.restarts += 1
        status.exit_code = None
        pause = self._timing.backoff.pause(self._failures)
        status.retry_at = time.monotonic() + pause
        self._change(State.BACKOFF)
        await asyncio.sleep(pause)

    def _change(self, state: State) -> None:
        self._status.state = state
        self._status.since = time.monotonic()
        self._on_change(self._status)


async def _whole(task: asyncio.Task[None]) -> None:
    """Wait for a task to its end, and be cancelled only then: nobody else would end a process."""
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    task.result()
