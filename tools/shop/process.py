"""One child process: started, read from, ended."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

_LAUNCH = Path(__file__).with_name("launch.py")


class Child:
    """A process in a session of its own, so that the terminal's Ctrl-C does not reach it.

    It is killed by the kernel when the shop dies.
    """

    def __init__(self, process: asyncio.subprocess.Process, on_output: Callable[[bytes], None]):
        self.pid = process.pid
        self.killed = False
        self._process = process
        self._reading = asyncio.create_task(self._read(on_output))

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        on_output: Callable[[bytes], None],
    ) -> Self:
        """Start the command; both its outputs go to `on_output` as they come."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid())),
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=env,
            cwd=cwd,
            start_new_session=True,
        )
        return cls(process, on_output)

    async def _read(self, on_output: Callable[[bytes], None]) -> None:
        assert self._process.stdout is not None  # noqa: S101 - PIPE was asked for
        while data := await self._process.stdout.read(65536):
            on_output(data)

    async def wait(self) -> int:
        """Wait for its end and its last words; return the exit code, negative for a signal."""
        code = await self._process.wait()
        # Whatever it has left behind in its group would hold the pipe open and outlive it.
        self._signal(signal.SIGKILL)
        # Not awaited directly: a cancelled wait must not cancel the reading.
        await asyncio.wait({self._reading})
        return code

    async def stop(self, grace: float, hurry: asyncio.Event) -> int:
        """SIGTERM, then SIGKILL after the grace (seconds) or when there is hurry."""
        ended = asyncio.create_task(self.wait())
        hurried = asyncio.create_task(hurry.wait())
        try:
            if self._process.returncode is None:
                self._signal(signal.SIGTERM)
            await asyncio.wait({ended, hurried}, timeout=grace, return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                self.killed = True
                self._signal(signal.SIGKILL)
            return await ended
        finally:
            hurried.cancel()

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return


def describe_exit(code: int) -> str:
    """Say how a process ended."""
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exited with code {code}"
