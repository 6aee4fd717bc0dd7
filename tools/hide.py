"""Runs a command that does not see some files: hide.py PATH... -- COMMAND ARGUMENT...

A hidden folder is empty; a hidden file is not there. Nothing else on the machine notices: the
mounts are those of the command alone. It takes root's capabilities, which everybody has in the
Debian root.
"""

import ctypes
import os
import shutil
import sys
import tempfile
from pathlib import Path

MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 1 << 18

libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: str, kind: str = "", flags: int = 0) -> None:
    """Call the system's own function."""
    if libc.mount(source.encode(), target.encode(), kind.encode(), flags, None):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), target)


def hide(path: Path, scratch: Path) -> None:
    """Hide a path."""
    if path.is_dir():
        mount("none", str(path), "tmpfs")
        return
    others = scratch / path.parent.name
    shutil.copytree(path.parent, others, symlinks=True)
    (others / path.name).unlink()
    mount(str(others), str(path.parent), flags=MS_BIND)


def main() -> None:
    """Hide what is there of the paths, and become the command."""
    separator = sys.argv.index("--")
    hidden = [Path(path) for path in sys.argv[1:separator]]
    os.unshare(os.CLONE_NEWNS)
    mount("none", "/", flags=MS_REC | MS_PRIVATE)
    scratch = tempfile.mkdtemp()
    mount("none", scratch, "tmpfs")
    for path in hidden:
        if path.exists():
            hide(path, Path(scratch))
    command = sys.argv[separator + 1 :]
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main()
