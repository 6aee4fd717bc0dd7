"""A server in a process of its own: started, asked for what it used, stopped."""

import asyncio
import json
import os
import sys
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.benchmark import WrongResultError
from runtime.testing.process_memory import ProcessMemory

START_SECONDS = 60
STOP_SECONDS = 30

_ROOT = Path(__file__).absolute().parents[1]
# Set by the stub of our own py_binary.
_OUR_IMPORTS = frozenset({"PYTHONPATH", "PYTHONSAFEPATH", "RUNFILES_DIR", "RUNFILES_MANIFEST_FILE"})


@dataclass(frozen=True, slots=True)
class Process:
    """A server that listens."""

    address: str
    pid: int

    def cpu_seconds(self) -> float:
        """Return the processor time that it has used, all threads together."""
        # The clock of that process, as clock_getcpuclockid(3) names it: it has no ticks of 10 ms.
        return time.clock_gettime(~self.pid << 3 | 2)

    @property
    def memory(self) -> ProcessMemory:
        """What it takes of memory."""
        return ProcessMemory(self.pid)


@asynccontextmanager
async def listening(module: str, *flags: str) -> AsyncIterator[Process]:
    """Run a module that logs {"event": "serving", "address": …}; end it with SIGTERM.

    Raises WrongResultError where it ends before it serves, or not as it should.
    """
    command, environment = program(module)
    # A session of its own: Ctrl-C is for the benchmark, which then stops its servers.
    process = await asyncio.create_subprocess_exec(
        *command,
        *flags,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr is not None
    log: deque[bytes] = deque(maxlen=20)
    reading = None
    try:
        address = await _address(process.stderr, log)
        if address is None:
            raise WrongResultError(f"{module} did not start:\n{b''.join(log).decode()}")
        reading = asyncio.create_task(_read(process.stderr, log))
        yield Process(address, process.pid)
    finally:
        code = await _stop(process)
        if reading is not None:
            await reading
    if code != 0:
        raise WrongResultError(f"{module} ended with {code}:\n{b''.join(log).decode()}")


def program(module: str, root: Path = _ROOT) -> tuple[list[str], dict[str, str]]:
    """Return the command of a module's program, and its environment.

    A binary among the runfiles is run as users run it: with its own imports and no others, which
    its memory depends on. Where there is none, the module is run with our own.
    """
    binary = root / module.replace(".", "/")
    environment = default_environment()
    if not binary.is_file():
        return [sys.executable, "-m", module], environment
    return [str(binary)], {k: v for k, v in environment.items() if k not in _OUR_IMPORTS}


def default_environment() -> dict[str, str]:
    """Return our environment without any setting of the services or of gRPC."""
    settings = ("BODEGA_", "GRPC_")
    return {name: value for name, value in os.environ.items() if not name.startswith(settings)}


async def _address(stderr: asyncio.StreamReader, log: deque[bytes]) -> str | None:
    async with asyncio.timeout(START_SECONDS):
        async for line in stderr:
            log.append(line)
            address = serving_address(line)
            if address is not None:
                return address
    return None


def serving_address(line: bytes) -> str | None:
    """Return the address in the line of the log that says that the server serves."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    match event:
        case {"event": "serving", "address": str(address)}:
            return address
    return None


async def _read(stderr: asyncio.StreamReader, log: deque[bytes]) -> None:
    async for line in stderr:
        log.append(line)


async def _stop(process: asyncio.subprocess.Process) -> int:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            return await process.wait()
    except TimeoutError:
        process.kill()
        return await process.wait()
