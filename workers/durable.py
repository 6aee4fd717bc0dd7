"""Small files that survive a crash, each with one owner."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class DurableFileError(Exception):
    """The file cannot be written, or is another process's; the message is for people."""


class CorruptFileError(Exception):
    """What the file holds is not what was written."""


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the file's object, None where there is no file."""
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DurableFileError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise CorruptFileError(f"{path} is damaged: {error}") from error
    if not isinstance(content, dict):
        raise CorruptFileError(f"{path} is damaged: it holds no JSON object")
    return content


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Replace the file in one step: after a crash it is the old one or the new one, whole."""
    fresh = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with fresh.open("w", encoding="utf-8") as file:
            file.write(json.dumps(content, indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise DurableFileError(f"cannot write {path}: {error.strerror}") from error


def remove(path: Path) -> None:
    """Remove the file, durably; without one, do nothing."""
    try:
        path.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        raise DurableFileError(f"cannot remove {path}: {error.strerror}") from error


@contextmanager
def owned(path: Path) -> Iterator[None]:
    """Hold the file for this process; DurableFileError where another has it."""
    lock_path = path.with_name(f"{path.name}.lock")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = lock_path.open("w", encoding="utf-8")
    except OSError as error:
        raise DurableFileError(f"cannot write {lock_path}: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DurableFileError(f"{path} is in use by another worker") from error
        yield


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
