"""Reads what python_image wrote."""

import gzip
import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Image:
    """An image's documents and layers, base first."""

    reference: str
    config: dict[str, Any]
    manifest: dict[str, Any]
    layers: list[bytes]
    docker: dict[str, Any]

    @property
    def layer_digests(self) -> list[str]:
        """What a registry would know the layers by."""
        return [layer["digest"] for layer in self.manifest["layers"]]

    @property
    def size(self) -> int:
        """What a pull downloads, in bytes."""
        return sum(layer["size"] for layer in (self.manifest["config"], *self.manifest["layers"]))

    def read(self, layer: int, path: str) -> bytes:
        """Return a file of a layer."""
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(self.layers[layer]))) as tar:
            file = tar.extractfile(path)
            assert file is not None, path
            return file.read()

    def files(self) -> dict[str, bytes]:
        """Return all regular files of all layers by path."""
        found: dict[str, bytes] = {}
        for layer in self.layers:
            with tarfile.open(fileobj=io.BytesIO(gzip.decompress(layer))) as tar:
                for member in tar:
                    file = tar.extractfile(member) if member.isfile() else None
                    if file is not None:
                        found[member.name] = file.read()
        return found

    def members(self, layer: int) -> dict[str, tarfile.TarInfo]:
        """Return a layer's entries by path."""
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(self.layers[layer]))) as tar:
            return {member.name: member for member in tar}


def read_image(archive: Path) -> Image:
    """Follow the archive's index to all that it names."""
    with tarfile.open(archive) as tar:
        content = {member.name: tar.extractfile(member) for member in tar}
        blobs = {name: file.read() for name, file in content.items() if file is not None}

    def blob(descriptor: dict[str, Any]) -> bytes:
        return blobs["blobs/" + descriptor["digest"].replace(":", "/")]

    [entry] = json.loads(blobs["index.json"])["manifests"]
    manifest = json.loads(blob(entry))
    [docker] = json.loads(blobs["manifest.json"])
    return Image(
        reference=entry["annotations"]["org.opencontainers.image.ref.name"],
        config=json.loads(blob(manifest["config"])),
        manifest=manifest,
        layers=[blob(layer) for layer in manifest["layers"]],
        docker=docker,
    )
