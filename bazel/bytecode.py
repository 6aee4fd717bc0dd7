"""Compiles Python files to bytecode that is never compared with its source (PEP 552, unchecked).

bytecode.py LISTING: its lines are the path of a source, a tab, the path that its tracebacks name
until it is imported, a tab, and the path of the .pyc to write.
"""

import py_compile
import sys
from pathlib import Path


def compile_file(source: Path, shown_as: str, result: Path) -> None:
    """Write the .pyc of a source that nobody will change where it stands."""
    py_compile.compile(
        str(source),
        str(result),
        dfile=shown_as,
        doraise=True,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )


def main() -> None:
    """Compile the files of a listing."""
    for line in Path(sys.argv[1]).read_text().splitlines():
        source, shown_as, result = line.split("\t")
        compile_file(Path(source), shown_as, Path(result))


if __name__ == "__main__":
    main()
