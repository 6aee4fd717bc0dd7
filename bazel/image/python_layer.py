"""Makes a layer out of Python files: python_layer.py FOLDER CREATED_BY BLOB INFO ENTRIES STRIP.

FOLDER is where they will stand in the image. ENTRIES is a file of lines `path in FOLDER`, a tab,
`path of the file`. STRIP is the program that removes debugging information from shared libraries:
in some wheels that is nine tenths of them.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from bazel.image.bytecode import with_bytecode
from bazel.image.layer import Entry, File, write_layer

# What no running program reads. Licences, METADATA and entry_points.txt stay.
LEFT_OUT = (
    "**/*.pyi",
    "**/py.typed",
    # sources of what is compiled
    "**/*.c",
    "**/*.cc",
    "**/*.h",
    "**/*.hpp",
    "**/*.proto",
    "**/*.pxd",
    "**/*.pxi",
    "**/*.pyx",
    # what only builds extension modules; cryptography needs no more than _cffi_backend
    "cffi/**",
    "pycparser/**",
    # tests
    "alembic/testing/**",
    "sqlalchemy/testing/**",
    "**/test/**",
    "**/tests/**",
    # an installer's notes
    "*.dist-info/INSTALLER",
    "*.dist-info/RECORD",
    "*.dist-info/REQUESTED",
    "*.dist-info/WHEEL",
    "*.dist-info/top_level.txt",
    # made by rules_python at the top of each wheel
    "__init__.py",
)


class ConflictError(Exception):
    """Two files with one place in the image."""


def read(source: Path, strip: str) -> bytes:
    """Return a file's content, without debugging information."""
    if source.suffix != ".so":
        return source.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        stripped = Path(folder) / "library.so"
        subprocess.run([strip, "--strip-debug", "-o", stripped, source], check=True)  # noqa: S603
        return stripped.read_bytes()


def flatten(lines: Iterable[str], folder: PurePosixPath, strip: str) -> dict[PurePosixPath, Entry]:
    """Put every file at its place; one that two wheels bring must be the same in both."""
    tree: dict[PurePosixPath, Entry] = {}
    for line in lines:
        name, _, source = line.partition("\t")
        if any(PurePosixPath(name).full_match(pattern) for pattern in LEFT_OUT):
            continue
        entry = File(read(Path(source), strip))
        if tree.setdefault(folder / name, entry) != entry:
            raise ConflictError(f"{source} is not the {name} that another package brings")
    return tree


def main() -> None:
    """Make the layer."""
    folder, created_by, blob, info, entries, strip = sys.argv[1:]
    try:
        tree = flatten(Path(entries).read_text().splitlines(), PurePosixPath(folder), strip)
    except ConflictError as error:
        sys.exit(f"python_layer: {error}")
    write_layer(with_bytecode(tree), blob=Path(blob), info=Path(info), created_by=created_by)


if __name__ == "__main__":
    main()
