"""Bytecode for a tree's Python files, so that a container starts without compiling any."""

import importlib.util
import py_compile
import tempfile
from pathlib import Path, PurePosixPath

from bazel.image.layer import Entry, File, Tree


def compiled(source: bytes, path: PurePosixPath, folder: Path) -> bytes:
    """Return the .pyc of a source that will stand at /PATH, and that nobody will change there."""
    written, result = folder / "source.py", folder / "source.pyc"
    written.write_bytes(source)
    py_compile.compile(
        str(written),
        str(result),
        dfile=f"/{path}",
        doraise=True,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    return result.read_bytes()


def with_bytecode(tree: Tree) -> dict[PurePosixPath, Entry]:
    """Add the .pyc of each .py, in the order of their paths."""
    everything = dict(tree)
    with tempfile.TemporaryDirectory() as folder:
        for path, entry in sorted(tree.items()):
            if path.suffix == ".py" and isinstance(entry, File):
                cache = PurePosixPath(importlib.util.cache_from_source(str(path)))
                everything[cache] = File(compiled(entry.content, path, Path(folder)))
    return everything
