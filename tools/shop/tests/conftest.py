"""Runs shops made of small real programs."""

import asyncio
import json
import os
import select
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired
from typing import Any

import pytest

from tools.shop.keeper import Backoff, Timing
from tools.shop.logs import PartLog
from tools.shop.part import Calls, Count, HttpReady, Part, Port
from tools.shop.ports import choose
from tools.shop.programs import Program
from tools.shop.status import State, Status
from tools.shop.supervisor import Supervisor

HERE = Path(__file__).parent
ITEMS = Count("items", "items_total")
QUICK = Timing(start_timeout=120, grace=10, backoff=Backoff(first=0.05, cap=0.2))


def make_part(name: str, *flags: str, **fields: Any) -> Part:
    metrics = Port(f"{name}-metrics", 20000)
    defaults: dict[str, Any] = {
        "ready": HttpReady(metrics),
        "calls": Calls.SERVER,
        "counts": (ITEMS,),
    }
    flags = ("--metrics-listen", f"{{{metrics.name}}}", *flags)
    return Part(
        name=name, binary="tests/program.py", flags=flags, metrics=metrics, **(defaults | fields)
    )


class Watched:
    """A supervisor, and every change of state it told of."""

    def __init__(self, parts: list[Part], data: Path, timing: Timing) -> None:
        self.addresses = choose(parts, "auto", {})
        self.seen: list[tuple[str, State]] = []
        self._waiters: list[asyncio.Event] = []
        self.supervisor = Supervisor(
            parts,
            programs=lambda _: Program([sys.executable, str(HERE / "program.py")], os.environ),
            addresses=self.addresses,
            data=data,
            cwd=data,
            timing=timing,
            on_change=self._changed,
        )

    def _changed(self, status: Status) -> None:
        self.seen.append((status.part.name, status.state))
        for waiter in self._waiters:
            waiter.set()

    def status(self, name: str) -> Status:
        return next(s for s in self.supervisor.statuses if s.part.name == name)

    def address(self, name: str) -> str:
        return self.addresses[self.status(name).part.metrics]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a change of state after which the condition holds."""
        changed = asyncio.Event()
        self._waiters.append(changed)
        async with asyncio.timeout(120):
            while not condition():
                await changed.wait()
                changed.clear()

    async def until_state(self, name: str, state: State) -> None:
        await self.until(lambda: self.status(name).state is state)


@pytest.fixture
def watch(tmp_path: Path) -> Callable[..., Watched]:
    def make(*parts: Part, timing: Timing = QUICK) -> Watched:
        return Watched(list(parts), tmp_path, timing)

    return make


@pytest.fixture
def part() -> Callable[..., Part]:
    return make_part


@pytest.fixture
def make_status(tmp_path: Path) -> Iterator[Callable[..., Status]]:
    logs: list[PartLog] = []

    def make(name: str = "product", **fields: Any) -> Status:
        logs.append(PartLog(tmp_path / "logs" / f"{name}.log"))
        return Status(make_part(name), logs[-1], "127.0.0.1:50051", **fields)

    yield make
    for log in logs:
        log.close()


@pytest.fixture
async def leap(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let so many seconds pass at once, for whatever waits in the test's own event loop."""
    loop = asyncio.get_running_loop()
    clock = loop.time

    def leap(seconds: float) -> None:
        monkeypatch.setattr(loop, "time", lambda: clock() + seconds)

    return leap


def wait_until_gone(pid: int) -> bool:
    """Wait for the end of any process; one that only waits to be reaped has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 60)[0])
    finally:
        os.close(descriptor)


@pytest.fixture
def gone() -> Callable[[int], bool]:
    return wait_until_gone


class RunningShop:
    """A shop as a process of its own; its progress is read line by line."""

    def __init__(self, specs: dict[str, Any] | None, flags: list[str], **popen: Any) -> None:
        driver = ["real.py"] if specs is None else ["driver.py", json.dumps(specs)]
        command = [sys.executable, str(HERE / driver[0]), *driver[1:], *flags]
        popen = {"stdin": PIPE, "stdout": PIPE, "stderr": PIPE} | popen
        self.process = Popen(command, text=True, **popen)  # noqa: S603 - our own
        self.lines: list[str] = []

    def read_until(self, text: str) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if text in line:
                return line
        said = self.process.stderr.read() if self.process.stderr else ""
        pytest.fail(f"{text!r} was never said: {self.lines} {said}")

    def pid_of(self, part: str) -> int:
        return int(self.read_until(f"{part}: starting, pid ").rpartition(" ")[2])

    def end(self, timeout: float = 240) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=timeout)
        return self.process.returncode, "".join(self.lines) + out, err


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Callable[..., RunningShop]]:
    started: list[RunningShop] = []

    def start(specs: dict[str, Any] | None, *flags: str, **popen: Any) -> RunningShop:
        flags = ("--ports", "auto", *flags) if "--ports" not in flags else flags
        if "--ephemeral" not in flags and "--data" not in flags:
            flags = (*flags, "--data", str(tmp_path / "data"))
        started.append(RunningShop(specs, list(flags), **popen))
        return started[-1]

    yield start
    for each in started:
        each.process.terminate()
        try:
            each.process.communicate(timeout=20)
        except TimeoutExpired:
            each.process.kill()
            each.process.communicate()
