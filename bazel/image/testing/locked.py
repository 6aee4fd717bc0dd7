"""Runs the programs of this folder as the build does: on the interpreter of the locked packages."""

import os
import platform
import subprocess
from pathlib import Path

MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]


def command(program: str) -> list[str]:
    """Return the command that runs a program of the locked packages with their own libraries."""
    loader = os.environ["LOCKED_LOADER"]
    return [loader, "--library-path", str(Path(loader).parent), program]


def run(module: str, *arguments: str | Path, seed: str = "0") -> subprocess.CompletedProcess[str]:
    """Run a module of bazel/image with a hash seed, come what may."""
    return subprocess.run(  # noqa: S603
        [*command(os.environ["LOCKED_PYTHON"]), "-BPS", "-m", f"bazel.image.{module}", *arguments],
        env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
        check=False,
        capture_output=True,
        text=True,
    )
