"""Bytecode for a tree's Python files, so that a container starts without compiling any."""

import sys
import tempfile
from pathlib import Path, PurePosixPath

from bazel.bytecode import compile_file
from bazel.image.layer import Entry, File, Tree


def cache_path(path: PurePosixPath) -> PurePosixPath:
    """Return where a program looks for the .pyc, whatever our own PYTHONPYCACHEPREFIX is."""
    return path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc"


def compiled(source: bytes, path: PurePosixPath, folder: Path) -> bytes:
    """Return the .pyc of a source that will stand at /PATH."""
    written, result = folder / "source.py", folder / "source.pyc"
    written.write_bytes(source)
    compile_file(written, f"/{path}", result)
    return result.read_bytes()


def with_bytecode(tree: Tree) -> dict[PurePosixPath, Entry]:
    """Add the .pyc of each .py, in the order of their paths."""
    everything = dict(tree)
    with tempfile.TemporaryDirectory() as folder:
        for path, entry in sorted(tree.items()):
            if path.suffix == ".py" and isinstance(entry, File):
                everything[cache_path(path)] = File(compiled(entry.content, path, Path(folder)))
    return everything
