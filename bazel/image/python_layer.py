"""Makes a layer out of Python files.

python_layer.py FOLDER CREATED_BY BLOB INFO INVENTORY ENTRIES STRIP

FOLDER is where they will stand in the image. ENTRIES is a file whose lines are the path of a wheel,
or `path in FOLDER`, a tab, `path of the file`. STRIP is the command that removes debugging
information from shared libraries: in some wheels that is nine tenths of them.
"""

import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from bazel.image import wheel
from bazel.image.bytecode import with_bytecode
from bazel.image.component import Component, own
from bazel.image.layer import ConflictError, Entry, File, Outputs, Part

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
)


def stripped(content: bytes, strip: str) -> bytes:
    """Return a shared library without debugging information."""
    with tempfile.TemporaryDirectory() as folder:
        library, result = Path(folder, "library.so"), Path(folder, "stripped.so")
        library.write_bytes(content)
        command = [*shlex.split(strip), "--strip-debug", "-o", str(result), str(library)]
        subprocess.run(command, check=True)  # noqa: S603
        return result.read_bytes()


def part(
    component: Component, files: Mapping[PurePosixPath, bytes], folder: PurePosixPath, strip: str
) -> Part:
    """Return what a component brings to a folder of the image."""
    tree: dict[PurePosixPath, Entry] = {}
    for path, content in files.items():
        if not any(path.full_match(pattern) for pattern in LEFT_OUT):
            library = path.suffix == ".so"
            tree[folder / path] = File(stripped(content, strip) if library else content)
    return Part(component, with_bytecode(tree))


def parts(lines: Iterable[str], folder: PurePosixPath, strip: str) -> list[Part]:
    """Return a part for each wheel, and one for the files that are of no wheel."""
    made: list[Part] = []
    ours: dict[PurePosixPath, bytes] = {}
    for line in lines:
        name, _, source = line.rpartition("\t")
        if name:
            content = Path(source).read_bytes()
            if ours.setdefault(PurePosixPath(name), content) != content:
                message = f"{source} is not the {name} that another package brings"
                raise ConflictError(message)
        else:
            made.append(part(*wheel.read(Path(source)), folder, strip))
    return [*made, part(own("bodega"), ours, folder, strip)] if ours else made


def main() -> None:
    """Make the layer."""
    folder, created_by, blob, info, inventory, entries, strip = sys.argv[1:]
    try:
        made = parts(Path(entries).read_text().splitlines(), PurePosixPath(folder), strip)
        Outputs(Path(blob), Path(info), Path(inventory)).write(made, created_by)
    except ConflictError as error:
        sys.exit(f"python_layer: {error}")


if __name__ == "__main__":
    main()
