"""Runs mypy, strictly, over every Python file of the workspace that stands in the runfiles.

mypy looks third-party packages up in the site-packages folder of an interpreter, so this lays
out one: a virtual environment of links to the wheels that Bazel fetched one by one.
"""

import os
import sys
from pathlib import Path

from mypy import api


def link_tree(source: Path, target: Path) -> None:
    """Mirror a folder as links; folders that several wheels share are merged."""
    for folder, _, files in source.walk():
        mirror = target / folder.relative_to(source)
        mirror.mkdir(parents=True, exist_ok=True)
        for name in files:
            if name.endswith((".py", ".pyi", ".typed")) and not (mirror / name).exists():
                (mirror / name).symlink_to((folder / name).resolve())


def virtual_environment(folder: Path) -> Path:
    """Lay out an environment with all wheels and return its interpreter."""
    python = folder / "bin" / "python3"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    (folder / "pyvenv.cfg").write_text((Path(sys.prefix) / "pyvenv.cfg").read_text())
    site = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    for entry in map(Path, sys.path):
        if entry.name == "site-packages":
            link_tree(entry, folder / site)
    return python


def sources(workspace: Path) -> list[str]:
    """Return our own files, generated ones excepted."""
    return sorted(
        str(path.relative_to(workspace))
        for path in workspace.rglob("*.py")
        if "_pb2" not in path.name and "external" not in path.relative_to(workspace).parts[:1]
    )


def main() -> int:
    """Check all and print what mypy says."""
    workspace = Path.cwd()
    os.environ["MYPYPATH"] = str(workspace / "proto")
    python = virtual_environment(Path(os.environ["TEST_TMPDIR"]) / "venv")
    files = sources(workspace)
    out, err, status = api.run(
        [
            "--config-file=pyproject.toml",
            f"--python-executable={python}",
            "--cache-dir=/dev/null",
            *files,
        ]
    )
    print(f"{out}{err}{len(files)} files")
    return status


if __name__ == "__main__":
    sys.exit(main())
