"""Writes the lock file anew: `./bazelw run //:requirements.update [-- --upgrade]`."""

import os
import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Run uv in the source tree, so that the index it uses is the machine's own.

    Its options are in pyproject.toml: Renovate runs the same command, which uv notes at the head of
    the lock file, and accepts few options there.
    """
    uv, requirements, lock, *flags = sys.argv[1:]
    command = [
        str(Path(uv).resolve()),
        "pip",
        "compile",
        "--quiet",
        f"--output-file={lock}",
        *flags,
        requirements,
    ]
    return subprocess.call(command, cwd=os.environ["BUILD_WORKSPACE_DIRECTORY"])  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
