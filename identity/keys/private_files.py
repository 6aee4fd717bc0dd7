"""Files with secrets: of this user alone, and there whole or not at all."""

import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from runtime.main import StartError


def read_private(path: Path) -> str:
    """Return a secret file's text; StartError where it cannot be read, or too many others can.

    The group may read it, because a mounted secret belongs to root and is read through a group.
    """
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o037:
                raise StartError(
                    f"{path}: holds a secret and has mode {mode:04o}, so others may read or change"
                    f" it: chmod 600 {path}"
                )
            return file.read()
    except UnicodeDecodeError:
        raise StartError(f"{path}: is not text") from None
    except OSError as error:
        raise StartError(f"{path}: {error.strerror}") from error


def ensure_private(path: Path, make: Callable[[], str]) -> tuple[str, bool]:
    """Return a secret file's text, made first where it is missing, and whether it was made now.

    Of several processes that make it at once, one wins, and all return what it made.
    """
    if path.exists():
        return read_private(path), False
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = _create(path, make())
    except OSError as error:
        raise StartError(f"{path}: cannot be made: {error.strerror}") from error
    return read_private(path), made


def _create(path: Path, text: str) -> bool:
    """Write beside it and link, so that the name is never that of a half written file."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # Mode 0600.
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        os.link(name, path)
    except FileExistsError:
        return False
    finally:
        Path(name).unlink()
    _sync_folder(path.parent)
    return True


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
