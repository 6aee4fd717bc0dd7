"""The folder that holds all of a shop's data, used by one shop at a time."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from tools.shop.errors import CannotStartError


@contextmanager
def temporary() -> Iterator[Path]:
    """Make a folder that is gone afterwards."""
    path = Path(tempfile.mkdtemp(prefix="bodega-"))
    try:
        yield path
    finally:
        shutil.rmtree(path)


@contextmanager
def locked(path: Path) -> Iterator[Path]:
    """Make the folder where it is missing, and hold it; CannotStartError if another shop does."""
    try:
        # Private: the data is, and later there are secrets among it.
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (path / "shop.lock").open("a+")
    except OSError as error:
        raise CannotStartError(f"{path}: {error.strerror}; choose another with --data") from None
    with lock:
        _take(lock, path)
        yield path
        lock.truncate(0)


def _take(lock: TextIO, path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        raise CannotStartError(
            f"{path} is in use by another shop (pid {lock.read().strip() or 'unknown'}); "
            "stop that one, or use --data FOLDER or --ephemeral"
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
