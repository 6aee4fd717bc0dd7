"""The live screen on a real terminal."""

import os
import pty
import select
import struct
import termios
import time
from collections.abc import Callable, Iterator
from fcntl import ioctl
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

import psutil
import pytest

type Start = Callable[..., Any]

GOOD = {"a": {}, "b": {"needs": ["a"]}}


class Terminal:
    """A real terminal of 100 columns."""

    def __init__(self) -> None:
        self.ours, self.theirs = pty.openpty()
        ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.seen = b""
        self._closed: set[int] = set()

    def read_until(self, text: bytes, *, start: int = 0) -> None:
        deadline = time.monotonic() + 120
        while text not in self.seen[start:]:
            assert time.monotonic() < deadline, f"{text!r} did not come: {self.seen[-2000:]!r}"
            ready = select.select([self.ours], [], [], 120)[0]
            assert ready, f"{text!r} did not come: {self.seen[-2000:]!r}"
            self.seen += os.read(self.ours, 65536)

    def close(self) -> None:
        for descriptor in {self.ours, self.theirs} - self._closed:
            os.close(descriptor)
            self._closed.add(descriptor)

    def press(self, key: bytes) -> int:
        os.write(self.ours, key)
        return len(self.seen)

    def modes(self) -> list[Any]:
        return termios.tcgetattr(self.theirs)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.close()


def own_terminal() -> None:
    ioctl(0, termios.TIOCSCTTY, 0)


def start_on(terminal: Terminal, shop: Start, *flags: str) -> Any:
    """Start a shop whose controlling terminal it is."""
    ends = {"stdin": terminal.theirs, "stdout": terminal.theirs, "stderr": DEVNULL}
    env = os.environ | {"TERM": "xterm-256color"}
    return shop(GOOD, *flags, env=env, start_new_session=True, preexec_fn=own_terminal, **ends)


def test_there_is_a_screen_with_keys(shop: Start, terminal: Terminal) -> None:
    before = terminal.modes()
    running = start_on(terminal, shop)
    terminal.read_until(b"all healthy")
    terminal.read_until(b"log of all parts")
    assert terminal.modes() != before
    terminal.read_until(b"log of a ", start=terminal.press(b"l"))
    terminal.read_until(b"log of b ", start=terminal.press(b"2"))
    terminal.read_until(b"log of all parts", start=terminal.press(b"\x1b"))
    terminal.press(b"q")
    terminal.read_until(b"Bodega ran for")
    assert running.process.wait(60) == 0
    assert terminal.modes() == before
    assert b"\x1b[?1049l" in terminal.seen
    assert b"\x1b[?25h" in terminal.seen


def test_ctrl_c_reaches_the_shop_and_not_its_parts(shop: Start, terminal: Terminal) -> None:
    running = start_on(terminal, shop, "--for", "1h")
    terminal.read_until(b"all healthy")
    terminal.press(b"\x03")
    terminal.read_until("✗ the run was interrupted".encode())
    assert running.process.wait(60) == 1
    assert "✗ a".encode() not in terminal.seen


def test_the_terminal_is_given_back_when_the_shop_is_terminated(
    shop: Start, terminal: Terminal
) -> None:
    before = terminal.modes()
    running = start_on(terminal, shop)
    terminal.read_until(b"all healthy")
    running.process.terminate()
    terminal.read_until(b"Bodega ran for")
    assert running.process.wait(60) == 0
    assert terminal.modes() == before


def test_a_terminal_that_hangs_up_ends_the_parts(
    shop: Start, gone: Callable[[int], bool], tmp_path: Path
) -> None:
    terminal = Terminal()
    running = start_on(terminal, shop)
    terminal.read_until(b"all healthy")
    pids = [child.pid for child in psutil.Process(running.process.pid).children()]
    terminal.close()
    running.process.wait(60)
    assert len(pids) == 2
    assert all(gone(pid) for pid in pids)
    assert '"asked to end"' in (tmp_path / "data" / "logs" / "a.log").read_text()
