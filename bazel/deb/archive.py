"""Reads Debian packages, deb(5): an ar archive of two compressed tar archives."""

import io
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_MAGIC = b"!<arch>\n"
_HEADER_SIZE = 60


class NotADebError(Exception):
    """Bytes that are no Debian package."""


@dataclass(frozen=True)
class Entry:
    """A file or a symbolic link of a package, by its path relative to the root."""

    path: PurePosixPath
    content: bytes
    executable: bool = False
    target: str | None = None


@dataclass(frozen=True)
class Deb:
    """A package: its control file, and what it installs."""

    control: str
    entries: tuple[Entry, ...]

    def field(self, name: str) -> str:
        """Return the first line of a field of the control file."""
        start = f"{name}: "
        lines = self.control.splitlines()
        return next(line.removeprefix(start) for line in lines if line.startswith(start))


def _members(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each member of an ar archive."""
    if not content.startswith(_MAGIC):
        message = "no ar archive"
        raise NotADebError(message)
    position = len(_MAGIC)
    while position < len(content):
        header = content[position : position + _HEADER_SIZE]
        size = int(header[48:58])
        position += _HEADER_SIZE
        yield header[:16].decode().strip().rstrip("/"), content[position : position + size]
        position += size + size % 2


def _tar(members: Mapping[str, bytes], name: str) -> tarfile.TarFile:
    """Open a member that is a tar archive, whichever way it is compressed."""
    for member, content in members.items():
        if member.startswith(f"{name}.tar"):
            return tarfile.open(fileobj=io.BytesIO(content))
    message = f"no {name}.tar"
    raise NotADebError(message)


def _entries(data: tarfile.TarFile) -> Iterator[Entry]:
    for member in data:
        path = PurePosixPath(member.name)
        if member.issym():
            yield Entry(path, b"", target=member.linkname)
        elif member.isfile() or member.islnk():
            file = data.extractfile(member)
            content = file.read() if file else b""
            yield Entry(path, content, executable=bool(member.mode & 0o100))


def read_deb(path: Path) -> Deb:
    """Read a package."""
    members = dict(_members(path.read_bytes()))
    with _tar(members, "control") as control, _tar(members, "data") as data:
        [stanza] = (entry for entry in _entries(control) if entry.path.name == "control")
        return Deb(stanza.content.decode().strip(), tuple(_entries(data)))
