"""Unpacks Debian packages into a folder: unpack.py FOLDER DEB... PATTERN...

Only paths that match a pattern are written, links as copies of the files that they name. A pattern
is told from a package by its ending, which is not .deb.
"""

import sys
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from bazel.deb.archive import Entry, read_deb


def resolve(entry: Entry, entries: dict[PurePosixPath, Entry]) -> Entry | None:
    """Return the file that a link names in the end; None where no package has it."""
    found: Entry | None = entry
    while found is not None and found.target is not None:
        path = PurePosixPath("/", found.path.parent, found.target)
        parts: list[str] = []
        for part in path.parts[1:]:
            parts = parts[:-1] if part == ".." else [*parts, part]
        found = entries.get(PurePosixPath(*parts))
    return found


def unpack(folder: Path, packages: Iterable[Path], patterns: Iterable[str]) -> None:
    """Write what matches a pattern."""
    entries = {entry.path: entry for package in packages for entry in read_deb(package).entries}
    wanted = tuple(patterns)
    for path, entry in entries.items():
        file = resolve(entry, entries)
        if file is not None and any(path.full_match(pattern) for pattern in wanted):
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.content)
            target.chmod(0o755 if file.executable else 0o644)


def main() -> None:
    """Unpack what the command line says."""
    folder, *rest = sys.argv[1:]
    packages = [Path(name) for name in rest if name.endswith(".deb")]
    unpack(Path(folder), packages, [name for name in rest if not name.endswith(".deb")])


if __name__ == "__main__":
    main()
