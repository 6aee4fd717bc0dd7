"""A layer of an image: a tree of files, and the same bytes for the same tree."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from bazel.image.component import Component, describe

# Level 9 would take four times as long, for 1 % less.
COMPRESSION = 6


@dataclass(frozen=True)
class File:
    """A regular file, root's."""

    content: bytes
    executable: bool = False

    def describe(self, header: tarfile.TarInfo) -> bytes:
        """Fill the header and return what follows it."""
        header.size = len(self.content)
        header.mode = 0o755 if self.executable else 0o644
        return self.content


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str

    def describe(self, header: tarfile.TarInfo) -> bytes:
        """Fill the header; nothing follows it."""
        header.type = tarfile.SYMTYPE
        header.mode = 0o777
        header.linkname = self.target
        return b""


@dataclass(frozen=True)
class Folder:
    """A folder."""

    mode: int = 0o755
    owner: int = 0

    def describe(self, header: tarfile.TarInfo) -> bytes:
        """Fill the header; nothing follows it."""
        header.type = tarfile.DIRTYPE
        header.mode = self.mode
        header.uid = header.gid = self.owner
        return b""


type Entry = File | Link | Folder
type Tree = Mapping[PurePosixPath, Entry]
"""Paths relative to the image's root; folders above an entry need not be named."""


def with_parents(tree: Tree) -> dict[PurePosixPath, Entry]:
    """Add the folders that the tree only implies."""
    parents = {parent for path in tree for parent in path.parents if parent.parts}
    return {parent: Folder() for parent in parents} | dict(tree)


def tar(tree: Tree) -> bytes:
    """Return the tree as a tar archive: sorted, root's, from 1970."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as out:
        for path, entry in sorted(with_parents(tree).items()):
            header = tarfile.TarInfo(str(path))
            out.addfile(header, io.BytesIO(entry.describe(header)))
    return archive.getvalue()


def digest(content: bytes) -> str:
    """Return the digest as OCI writes it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class ConflictError(Exception):
    """Two files with one place in the image."""


@dataclass(frozen=True)
class Part:
    """What one component brings to a layer."""

    component: Component
    tree: Tree

    def inventory(self) -> dict[str, Any]:
        """Return the component with the hashes of its regular files."""
        files = {str(p): e.content for p, e in self.tree.items() if isinstance(e, File)}
        return describe(self.component, files)


def join(parts: Iterable[Part]) -> dict[PurePosixPath, Entry]:
    """Return one tree; what two components bring must be the same in both."""
    joined: dict[PurePosixPath, Entry] = {}
    for part in parts:
        for path, entry in part.tree.items():
            if joined.setdefault(path, entry) != entry:
                message = f"{path} of {part.component.name} is not what another package brings"
                raise ConflictError(message)
    return joined


@dataclass(frozen=True)
class Outputs:
    """The files that describe a layer.

    blob is the compressed archive, info what an image's config and manifest say of it, inventory
    the components that it is made of.
    """

    blob: Path
    info: Path
    inventory: Path

    def write(self, parts: list[Part], created_by: str) -> None:
        """Write the layer of some components."""
        archive = tar(join(parts))
        compressed = gzip.compress(archive, COMPRESSION, mtime=0)
        self.blob.write_bytes(compressed)
        info = {
            "created_by": created_by,
            "diff_id": digest(archive),
            "digest": digest(compressed),
            "size": len(compressed),
        }
        self.info.write_text(json.dumps(info, indent=1, sort_keys=True) + "\n")
        inventory = [part.inventory() for part in parts]
        self.inventory.write_text(json.dumps(inventory, indent=1, sort_keys=True) + "\n")
