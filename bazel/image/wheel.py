"""Reads wheels (the binary distribution format of Python packages)."""

import hashlib
import io
import re
import zipfile
from email.parser import HeaderParser
from pathlib import Path, PurePosixPath

from bazel.image.component import Component, purl

# What is installed beside the modules: folders of NAME.data that go where the modules do.
_MODULES = ("purelib", "platlib")


def normalize(name: str) -> str:
    """Return a package's name as an index writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _place(name: str) -> PurePosixPath | None:
    """Return where a member goes among the modules; None for scripts and headers."""
    first, *rest = PurePosixPath(name).parts
    if not first.endswith(".data"):
        return PurePosixPath(name)
    return PurePosixPath(*rest[1:]) if rest[0] in _MODULES else None


def read(path: Path) -> tuple[Component, dict[PurePosixPath, bytes]]:
    """Return what a wheel says of itself, and the files that it installs among the modules."""
    content = path.read_bytes()
    files: dict[PurePosixPath, bytes] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in archive.infolist():
            place = None if member.is_dir() else _place(member.filename)
            if place is not None:
                files[place] = archive.read(member)
    [metadata] = (text for place, text in files.items() if place.full_match("*.dist-info/METADATA"))
    headers = HeaderParser().parsestr(metadata.decode())
    name, version = normalize(headers["Name"]), headers["Version"]
    component = Component(
        name=name,
        version=version,
        licence=headers.get("License-Expression", ""),
        purl=purl("pypi", name, version),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    return component, files
