"""A server as a process of its own: started, spoken to, stopped and killed."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from runtime.testing.waiting import PATIENCE_SECONDS

ANY_PORT = ("--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0")


async def start(module: str, *flags: str, home: Path) -> Process:
    """Start the module's main, with nothing of ours in its environment and its state in `home`."""
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("BODEGA_")},
        "PYTHONPATH": os.pathsep.join(sys.path),
        "XDG_STATE_HOME": str(home),
    }
    command = (sys.executable, "-m", module, "--log-format", "json", *flags)
    return await asyncio.create_subprocess_exec(*command, env=environment, stdout=PIPE, stderr=PIPE)


async def event(process: Process, name: str) -> dict[str, str]:
    """Return the next line of the log with this event."""
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        while line := await process.stderr.readline():
            found: dict[str, str] = json.loads(line)
            if found["event"] == name:
                return found
    raise AssertionError(f"the process ended before {name}")


@asynccontextmanager
async def serving(module: str, *flags: str, home: Path) -> AsyncIterator[tuple[Process, str]]:
    """Run a server on any port, and yield it with its address; kill it where it still runs."""
    process = await start(module, *ANY_PORT, *flags, home=home)
    try:
        yield process, (await event(process, "serving"))["address"]
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@asynccontextmanager
async def untroubled(process: Process) -> AsyncIterator[None]:
    """Read the log while the block runs: whatever is a warning, or worse, fails the test."""
    troubles: list[bytes] = []
    reading = asyncio.create_task(_read_log(process, troubles))
    try:
        yield
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
    assert troubles == []


async def _read_log(process: Process, troubles: list[bytes]) -> None:
    assert process.stderr is not None
    async for line in process.stderr:
        troubles += [] if json.loads(line)["level"] in {"debug", "info"} else [line]


async def ended(module: str, *flags: str, home: Path) -> tuple[int | None, str, str]:
    """Return the exit code of a server that ends by itself, and what it wrote."""
    process = await start(module, *flags, home=home)
    async with asyncio.timeout(PATIENCE_SECONDS):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()
