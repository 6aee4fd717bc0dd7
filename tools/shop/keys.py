"""Plain keys, read as they are pressed."""

import asyncio
import os
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def keys(fd: int, on_key: Callable[[str], None]) -> Iterator[None]:
    """Read keys from a terminal without Enter or echo; give the terminal back as it was.

    Does nothing where `fd` is no terminal, or is another job's: reading would stop this one.
    Must be entered while the loop runs.
    """
    if not _ours(fd):
        yield
        return
    loop = asyncio.get_running_loop()
    before = termios.tcgetattr(fd)
    try:
        tty.setcbreak(fd, termios.TCSADRAIN)
        _forbid_suspension(fd)
        loop.add_reader(fd, _read, fd, loop, on_key)
        yield
    finally:
        loop.remove_reader(fd)
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def _ours(fd: int) -> bool:
    return os.isatty(fd) and os.tcgetpgrp(fd) == os.getpgrp()


def _forbid_suspension(fd: int) -> None:
    # A suspended shop would leave its parts running with nobody to read what they write.
    attributes = termios.tcgetattr(fd)
    attributes[6][termios.VSUSP] = b"\0"
    termios.tcsetattr(fd, termios.TCSADRAIN, attributes)


def _read(fd: int, loop: asyncio.AbstractEventLoop, on_key: Callable[[str], None]) -> None:
    try:
        data = os.read(fd, 1024)
    except OSError:
        data = b""
    if not data:
        # The terminal has hung up; SIGHUP says so to the shop.
        loop.remove_reader(fd)
        return
    text = data.decode(errors="ignore")
    if len(text) > 1 and text.startswith("\x1b"):
        # An arrow or function key comes as one piece that begins with escape.
        return
    for key in text:
        on_key(key)
