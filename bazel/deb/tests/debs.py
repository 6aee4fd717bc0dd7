"""Writes Debian packages for tests."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

CONTROL = (
    "Package: thing\nVersion: 1:2.0-1\nArchitecture: amd64\nDescription: a thing\n more of it\n"
)

type Compression = Literal["", "gz", "xz", "zst"]


def _tar(members: Mapping[str, str], compression: Compression) -> bytes:
    """Return an archive; a content `-> TARGET` makes a link, one that ends in `!` a program."""
    buffer = io.BytesIO()
    mode: Literal["w:", "w:gz", "w:xz", "w:zst"] = f"w:{compression}"  # type: ignore[assignment]
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in members.items():
            header = tarfile.TarInfo(f"./{name}")
            if content.startswith("-> "):
                header.type, header.linkname = tarfile.SYMTYPE, content.removeprefix("-> ")
                archive.addfile(header)
                continue
            header.size, header.mode = len(content), 0o755 if content.endswith("!") else 0o644
            archive.addfile(header, io.BytesIO(content.encode()))
    return buffer.getvalue()


def write_deb(path: Path, members: Mapping[str, str], compression: Compression = "xz") -> Path:
    """Write a package that installs these files, by their paths."""
    suffix = f".{compression}" if compression else ""
    parts = {
        "debian-binary": b"2.0\n",
        f"control.tar{suffix}": _tar({"control": CONTROL}, compression),
        f"data.tar{suffix}": _tar(members, compression),
    }
    content = b"!<arch>\n"
    for name, part in parts.items():
        header = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(part):<10}`\n"
        content += header.encode() + part + b"\n" * (len(part) % 2)
    path.write_bytes(content)
    return path
