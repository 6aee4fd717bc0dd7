"""One child process."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path

import pytest

from tools.shop.process import Child, describe_exit

type Leap = Callable[[float], None]
type Start = Callable[[str], Coroutine[None, None, tuple[Child, Output]]]


class Output:
    """What came through the pipe."""

    def __init__(self) -> None:
        self.data = b""
        self._grown = asyncio.Event()

    def __call__(self, data: bytes) -> None:
        self.data += data
        self._grown.set()

    async def until(self, text: bytes) -> None:
        async with asyncio.timeout(60):
            while text not in self.data:
                await self._grown.wait()
                self._grown.clear()


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    children: list[Child] = []

    async def run(code: str) -> tuple[Child, Output]:
        output = Output()
        child = await Child.start(
            [sys.executable, "-c", code], env=os.environ, cwd=tmp_path, on_output=output
        )
        children.append(child)
        return child, output

    yield run
    hurry = asyncio.Event()
    hurry.set()
    for child in children:
        await child.stop(0, hurry)


async def test_all_output_has_come_when_the_end_is_known(start: Start) -> None:
    child, output = await start("import sys; print('x' * 300_000, flush=True); sys.exit('bye')")
    assert await child.wait() == 1
    assert output.data.count(b"x") == 300_000
    assert output.data.endswith(b"bye\n")


async def test_a_child_has_a_session_of_its_own(start: Start) -> None:
    child, output = await start("import os; print(os.getsid(0) == os.getpid()); input()")
    assert await child.wait() == 1
    assert output.data.startswith(b"True\n")


async def test_a_child_that_obeys_is_not_killed(start: Start) -> None:
    child, output = await start(
        "import signal, sys\nsignal.signal(15, lambda *_: sys.exit(7))\n"
        "print('on', flush=True)\nsignal.pause()"
    )
    await output.until(b"on")
    assert await child.stop(20, asyncio.Event()) == 7
    assert not child.killed


# os.write in the handlers: the signal may come before print('on') returns, and print may not be
# entered again.
async def test_a_child_that_does_not_obey_is_killed(start: Start, leap: Leap) -> None:
    child, output = await start(
        "import os, signal\nsignal.signal(15, lambda *_: os.write(1, b'no'))\n"
        "print('on', flush=True)\nwhile True: signal.pause()"
    )
    await output.until(b"on")
    stopping = asyncio.create_task(child.stop(3600, asyncio.Event()))
    await output.until(b"no")
    leap(3600)
    assert await stopping == -9
    assert child.killed


async def test_hurry_cuts_the_grace_short(start: Start) -> None:
    child, output = await start(
        "import os, signal\nsignal.signal(15, lambda *_: os.write(1, b'no'))\n"
        "print('on', flush=True)\nwhile True: signal.pause()"
    )
    await output.until(b"on")
    hurry = asyncio.Event()
    stopping = asyncio.create_task(child.stop(3600, hurry))
    await output.until(b"no")
    hurry.set()
    assert await stopping == -9


async def test_what_a_child_leaves_behind_ends_with_it(
    start: Start, gone: Callable[[int], bool]
) -> None:
    child, output = await start(
        "import subprocess, sys\n"
        "left = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])\n"
        "print(left.pid)"
    )
    async with asyncio.timeout(60):
        assert await child.wait() == 0
    assert gone(int(output.data))


async def test_a_command_that_is_not_there_is_told(start: Start, tmp_path: Path) -> None:
    output = Output()
    child = await Child.start(["/no/such"], env=os.environ, cwd=tmp_path, on_output=output)
    assert await child.wait() == 1
    assert output.data == b"cannot start /no/such: No such file or directory\n"


def test_an_end_is_described() -> None:
    assert describe_exit(3) == "exited with code 3"
    assert describe_exit(-9) == "killed by SIGKILL"
