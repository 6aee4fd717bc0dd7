"""Puts layers into an image: assemble.py CONFIG LAYOUT ARCHIVE BLOB INFO [BLOB INFO ...].

CONFIG is JSON: `reference` (name and tag), `architecture`, `labels`, `config` (the execution
parameters of an OCI image config). LAYOUT becomes an OCI layout; ARCHIVE the same in one file, with
the list that older Docker wants beside it.
"""

import json
import shutil
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bazel.image.layer import digest

EPOCH = "1970-01-01T00:00:00Z"
OCI = "application/vnd.oci.image"


@dataclass(frozen=True)
class Layer:
    """A layer's blob, and what write_layer said of it."""

    blob: Path
    info: dict[str, Any]


def encode(document: object) -> bytes:
    """Return JSON, the same for the same content."""
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def descriptor(kind: str, content: bytes, **more: object) -> dict[str, Any]:
    """Describe a blob."""
    return {"mediaType": kind, "digest": digest(content), "size": len(content), **more}


def image_config(wanted: dict[str, Any], layers: list[Layer]) -> bytes:
    """Return the image's config."""
    return encode(
        {
            "architecture": wanted["architecture"],
            "config": wanted["config"] | {"Labels": wanted["labels"]},
            "created": EPOCH,
            "history": [
                {"created": EPOCH, "created_by": layer.info["created_by"]} for layer in layers
            ],
            "os": "linux",
            "rootfs": {"diff_ids": [layer.info["diff_id"] for layer in layers], "type": "layers"},
        }
    )


def image_manifest(config: bytes, labels: dict[str, str], layers: list[Layer]) -> bytes:
    """Return the image's manifest."""
    return encode(
        {
            "annotations": labels,
            "config": descriptor(f"{OCI}.config.v1+json", config),
            "layers": [
                {
                    "mediaType": f"{OCI}.layer.v1.tar+gzip",
                    "digest": layer.info["digest"],
                    "size": layer.info["size"],
                }
                for layer in layers
            ],
            "mediaType": f"{OCI}.manifest.v1+json",
            "schemaVersion": 2,
        }
    )


def image_index(manifest: bytes, reference: str) -> bytes:
    """Return the layout's index."""
    name = {"org.opencontainers.image.ref.name": reference}
    entry = descriptor(f"{OCI}.manifest.v1+json", manifest, annotations=name)
    kind = f"{OCI}.index.v1+json"
    return encode({"manifests": [entry], "mediaType": kind, "schemaVersion": 2})


def blob_path(digest_: str) -> str:
    """Return where a layout keeps a blob."""
    return "blobs/" + digest_.replace(":", "/")


def docker_manifest(config: bytes, reference: str, layers: list[Layer]) -> bytes:
    """Return what `docker load` read before it knew OCI layouts."""
    return encode(
        [
            {
                "Config": blob_path(digest(config)),
                "Layers": [blob_path(layer.info["digest"]) for layer in layers],
                "RepoTags": [reference],
            }
        ]
    )


def write_layout(wanted: dict[str, Any], layers: list[Layer], layout: Path) -> bytes:
    """Write the OCI layout, and return the manifest for Docker."""
    config = image_config(wanted, layers)
    manifest = image_manifest(config, wanted["labels"], layers)
    (layout / "blobs" / "sha256").mkdir(parents=True)
    (layout / "oci-layout").write_bytes(encode({"imageLayoutVersion": "1.0.0"}))
    (layout / "index.json").write_bytes(image_index(manifest, wanted["reference"]))
    for content in (config, manifest):
        (layout / blob_path(digest(content))).write_bytes(content)
    for layer in layers:
        shutil.copyfile(layer.blob, layout / blob_path(layer.info["digest"]))
    return docker_manifest(config, wanted["reference"], layers)


def write_archive(layout: Path, docker: Path, archive: Path) -> None:
    """Write the layout and Docker's manifest into one file."""
    files = {str(p.relative_to(layout)): p for p in layout.rglob("*") if p.is_file()}
    with tarfile.open(archive, mode="w", format=tarfile.PAX_FORMAT) as out:
        for name, path in sorted((files | {"manifest.json": docker}).items()):
            header = tarfile.TarInfo(name)
            header.size = path.stat().st_size
            with path.open("rb") as content:
                out.addfile(header, content)


def main() -> None:
    """Make the image."""
    config, layout, archive, *rest = map(Path, sys.argv[1:])
    layers = [
        Layer(blob, json.loads(info.read_text()))
        for blob, info in zip(rest[::2], rest[1::2], strict=True)
    ]
    docker = archive.with_suffix(".docker.json")
    docker.write_bytes(write_layout(json.loads(config.read_text()), layers, layout))
    write_archive(layout, docker, archive)
    docker.unlink()


if __name__ == "__main__":
    main()
