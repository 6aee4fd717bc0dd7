"""What nixpkgs' buildFHSEnv asks of bubblewrap: bwrap.py OPTION... -- COMMAND.

The Debian root has no bubblewrap. As there, a program that root starts gets a mount namespace of
its own, and no other.
"""

import ctypes
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND = 0x1, 0x2, 0x4, 0x20, 0x1000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
MNT_DETACH, PR_SET_PDEATHSIG = 2, 1

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> None:
    """Raise what a call of the C library reports."""
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), what)


def mount(source: str, target: Path, kind: str | None, flags: int) -> None:
    """Attach what `source` names to a path."""
    encoded = kind.encode() if kind else None
    check(libc.mount(source.encode(), bytes(target), encoded, flags, None), f"{source} {target}")


def bind(source: str, target: Path) -> None:
    """Show a file or a folder at `target` too, with all that is mounted below."""
    if Path(source).is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    mount(source, target, None, MS_BIND | MS_REC)


def prepare(root: Path) -> None:
    """Leave the caller's mounts to the caller, and make an empty root."""
    os.unshare(os.CLONE_NEWNS)
    mount("none", Path("/"), None, MS_REC | MS_PRIVATE)
    mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV)


def attach(kind: str, target: Path) -> None:
    """Mount an empty or a virtual file system."""
    target.mkdir(parents=True, exist_ok=True)
    mount(kind, target, kind, MS_NOSUID | MS_NODEV)


def enter(root: Path) -> None:
    """Make a root that of this process, and let go of the one before."""
    os.chdir(root)
    check(libc.pivot_root(b".", b"."), "pivot_root")
    check(libc.umount2(b".", MNT_DETACH), "umount")


def build(root: Path, options: Iterator[str]) -> None:
    """Do what the options say, one after the other, in a new root, and enter it."""
    prepare(root)
    folder = "/"

    def inside() -> Path:
        return root / next(options).lstrip("/")

    for option in options:
        match option:
            case "--bind" | "--dev-bind":
                bind(next(options), inside())
            case "--ro-bind":
                bind(next(options), target := inside())
                mount("none", target, None, MS_REMOUNT | MS_BIND | MS_RDONLY)
            case "--remount-ro":
                mount("none", inside(), None, MS_REMOUNT | MS_BIND | MS_RDONLY)
            case "--proc" | "--tmpfs":
                attach(option.removeprefix("--"), inside())
            case "--symlink":
                source = next(options)
                (target := inside()).parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(source)
            case "--chdir":
                folder = next(options)
            case "--die-with-parent":
                check(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL), option)
            case _:
                raise SystemExit(
                    f"bwrap.py: {option} is not among what buildFHSEnv was seen to use"
                )
    enter(root)
    os.chdir(folder)


if __name__ == "__main__":
    split = sys.argv.index("--")
    build(Path(tempfile.mkdtemp(prefix="bwrap-")), iter(sys.argv[1:split]))
    os.execvp(sys.argv[split + 1], sys.argv[split + 1 :])  # noqa: S606 - this is what it is for
