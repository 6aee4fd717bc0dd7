"""A terminal in which the program is run."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tools.bodega.failure import Exit
from tools.bodega.main import perform


@dataclass
class Said:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.err)
        return found


class Terminal:
    """Runs commands in the test's own process, and as processes."""

    def __init__(self, capsys: pytest.CaptureFixture[str], state: Path, *flags: str) -> None:
        self._capsys = capsys
        self.state = state
        self.flags = ("--state", str(state), *flags)

    def at(self, *flags: str) -> Terminal:
        """Return one with more flags."""
        return Terminal(self._capsys, self.state, *self.flags[2:], *flags)

    async def __call__(self, *argv: str) -> Said:
        self._capsys.readouterr()
        try:
            code: int = await perform([*self.flags, *argv])
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        captured = self._capsys.readouterr()
        return Said(code, captured.out, captured.err)

    async def fine(self, *argv: str) -> Said:
        said = await self(*argv)
        assert said.code is Exit.DONE, said.err
        return said

    async def start(self, *argv: str, **environment: str) -> Process:
        """Start the program itself."""
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tools.bodega.main",
            *self.flags,
            *argv,
            env={
                **{key: value for key, value in os.environ.items() if key != "FORCE_COLOR"},
                "PYTHONPATH": os.pathsep.join(sys.path),
                **environment,
            },
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
        )


async def ended(process: Process) -> Said:
    """Wait for the end of a process."""
    async with asyncio.timeout(120):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Said(process.returncode, out.decode(), err.decode())
