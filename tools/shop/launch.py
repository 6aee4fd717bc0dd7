"""Becomes a command that dies with its parent: `launch.py PARENT-PID COMMAND`.

The kernel kills the command when the shop is gone, even by kill -9. Done here, between fork and
exec, and not in a preexec_fn, which may deadlock in a process that has threads.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1
_SIGKILL = 9


def main() -> None:
    """Ask for the signal, then exec."""
    parent, *command = sys.argv[1:]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0):
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != int(parent):
        sys.exit("the shop is gone")
    try:
        os.execvp(command[0], command)  # noqa: S606 - there is no shell to start it with
    except OSError as error:
        sys.exit(f"cannot start {command[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
