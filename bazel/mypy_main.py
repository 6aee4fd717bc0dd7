"""Checks the types of one Bazel target, and stores what mypy learned of modules on the way.

The modules of the target's dependencies come with their caches, so only its own are checked.
"""

import argparse
import importlib
import os
import shutil
import sqlite3
import sys
from pathlib import Path

# In Bazel's mode mypy keeps its cache here, with relative paths and without times.
CACHE = Path("cache.db")
FLAGS = [
    "--bazel",
    "--config-file=pyproject.toml",
    "--follow-imports=silent",
    "--no-error-summary",
    "--sqlite-num-shards=1",
]


def load(base: Path | None, caches: list[Path]) -> None:
    """Lay out mypy's cache from those of the dependencies."""
    if not base:
        return
    shutil.copyfile(base, CACHE)
    CACHE.chmod(0o600)
    with sqlite3.connect(CACHE, autocommit=True) as connection:
        for cache in caches:
            connection.execute("ATTACH ? AS other", (str(cache),))
            connection.execute("INSERT OR IGNORE INTO files2 SELECT * FROM other.files2")
            connection.execute("DETACH other")


def store(result: Path) -> None:
    """Write the modules that the cache did not have before: what is loaded has the time 0."""
    with sqlite3.connect(result, autocommit=True) as connection:
        connection.execute("CREATE TABLE files2 (path TEXT UNIQUE NOT NULL, mtime REAL, data BLOB)")
        connection.execute("ATTACH ? AS mypy", (str(CACHE),))
        connection.execute(
            "INSERT INTO files2 SELECT path, 0.0, data FROM mypy.files2"
            " WHERE mtime > 0 ORDER BY path"
        )


def packages(folders: list[Path]) -> list[str]:
    """Return what our code may import from folders of third-party packages."""
    found = {
        entry.name.removesuffix("-stubs") if entry.is_dir() else entry.stem
        for folder in folders
        for entry in folder.glob("*")
        if entry.suffix in {".py", ".pyi"} or any(entry.glob("__init__.py*"))
    }
    found = {name for name in found if name.isidentifier() and not name.startswith("_")}
    return sorted(found - {"mypy"})


def main() -> None:
    """Check the sources; without any, what PYTHONPATH has is read into a cache for all targets."""
    parser = argparse.ArgumentParser(fromfile_prefix_chars="@")
    parser.add_argument("--base", type=Path)
    parser.add_argument("--cache", action="append", default=[], type=Path)
    parser.add_argument("--result", required=True, type=Path)
    parser.add_argument("--report", type=Path)
    parser.add_argument("sources", nargs="*")
    arguments = parser.parse_args()
    load(arguments.base, arguments.cache)
    sources = arguments.sources
    if not sources:
        folders = [Path(folder) for folder in os.environ["PYTHONPATH"].split(":")]
        names = ", ".join(packages(folders))
        sources = ["-c", f"import {names}  # type: ignore[import-untyped, unused-ignore]"]
    # By name: else mypy would read all of itself to check this file.
    mypy = importlib.import_module("mypy.api")
    out, err, status = mypy.run([*FLAGS, *sources])
    found = out + err if status else ""
    if arguments.report:
        arguments.report.write_text(found)
    elif found:
        sys.exit(found)
    store(arguments.result)


if __name__ == "__main__":
    main()
