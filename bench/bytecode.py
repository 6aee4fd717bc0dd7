"""The bytecode that a program finds at its start."""

import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path


def keeping_bytecode(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the environment of a program that keeps its bytecode in the folder."""
    kept = {k: v for k, v in environment.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": str(folder)}


def lend_standard_library(folder: Path) -> None:
    """Put there what Python itself comes with, which no program would look for elsewhere."""
    library = Path(sysconfig.get_path("stdlib"))
    for compiled in library.rglob(f"__pycache__/*.{sys.implementation.cache_tag}.pyc"):
        source = compiled.parent.parent
        if "site-packages" not in source.parts:
            place = folder / source.relative_to(source.anchor)
            place.mkdir(parents=True, exist_ok=True)
            (place / compiled.name).symlink_to(compiled)
