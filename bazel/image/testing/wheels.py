"""Writes wheels for tests."""

import zipfile
from collections.abc import Mapping
from pathlib import Path


def write_wheel(
    folder: Path, name: str, files: Mapping[str, str], metadata: str = "License-Expression: MIT\n"
) -> Path:
    """Write a wheel of version 1 and return its path."""
    wheel = folder / f"{name}-1-py3-none-any.whl"
    head = f"Metadata-Version: 2.4\nName: {name}\nVersion: 1\n{metadata}\n"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, content in {f"{name}-1.dist-info/METADATA": head, **files}.items():
            archive.writestr(path, content)
    return wheel
