"""Puts layers into an image: assemble.py PLAN.

PLAN is JSON:
    reference  name and tag
    labels
    config     the execution parameters of an OCI image config
    licences   the path of licences.toml
    platforms  for each architecture: `architecture`, `layers` (the paths `blob`, `info` and
               `inventory` of each, base first) and `sbom`, the path of the bill of materials
    layout     the folder that becomes an OCI layout; with several platforms its index names an
               image index
    archive    the path of the layout in one file, with the list that older Docker wants beside it;
               null for none
"""

import json
import shutil
import sys
import tarfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bazel.image.component import merge
from bazel.image.layer import digest
from bazel.image.sbom import document

EPOCH = "1970-01-01T00:00:00Z"
OCI = "application/vnd.oci.image"
REVISION = "org.opencontainers.image.revision"


@dataclass(frozen=True)
class Layer:
    """A layer's blob, what an image says of it, and the components in it."""

    blob: Path
    info: dict[str, Any]
    inventory: list[dict[str, Any]]

    @classmethod
    def read(cls, paths: dict[str, str]) -> Layer:
        """Read what a layer tool wrote."""
        info, inventory = (
            json.loads(Path(paths[name]).read_text()) for name in ("info", "inventory")
        )
        return cls(Path(paths["blob"]), info, inventory)


@dataclass(frozen=True)
class Image:
    """An image of one architecture: its documents, and what it is made of."""

    architecture: str
    config: bytes
    manifest: bytes
    layers: list[Layer]


def encode(document: object) -> bytes:
    """Return JSON, the same for the same content."""
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def descriptor(kind: str, content: bytes, **more: object) -> dict[str, Any]:
    """Describe a blob."""
    return {"mediaType": kind, "digest": digest(content), "size": len(content), **more}


def image_config(plan: dict[str, Any], architecture: str, layers: list[Layer]) -> bytes:
    """Return the image's config."""
    return encode(
        {
            "architecture": architecture,
            "config": plan["config"] | {"Labels": plan["labels"]},
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


def image_of(plan: dict[str, Any], platform: dict[str, Any]) -> Image:
    """Return the image of one platform of the plan."""
    architecture = platform["architecture"]
    layers = [Layer.read(paths) for paths in platform["layers"]]
    config = image_config(plan, architecture, layers)
    return Image(architecture, config, image_manifest(config, plan["labels"], layers), layers)


def index(manifests: list[dict[str, Any]]) -> bytes:
    """Return an index, of a layout or of the images of several platforms."""
    kind = f"{OCI}.index.v1+json"
    return encode({"manifests": manifests, "mediaType": kind, "schemaVersion": 2})


def manifest_descriptor(image: Image, **more: object) -> dict[str, Any]:
    """Describe an image."""
    return descriptor(f"{OCI}.manifest.v1+json", image.manifest, **more)


def blob_path(digest_: str) -> str:
    """Return where a layout keeps a blob."""
    return "blobs/" + digest_.replace(":", "/")


def docker_manifest(image: Image, reference: str) -> bytes:
    """Return what `docker load` read before it knew OCI layouts."""
    return encode(
        [
            {
                "Config": blob_path(digest(image.config)),
                "Layers": [blob_path(layer.info["digest"]) for layer in image.layers],
                "RepoTags": [reference],
            }
        ]
    )


def write_layout(images: list[Image], reference: str, layout: Path) -> None:
    """Write the OCI layout."""
    documents = [content for image in images for content in (image.config, image.manifest)]
    name = {"org.opencontainers.image.ref.name": reference}
    if len(images) == 1:
        entry = manifest_descriptor(images[0], annotations=name)
    else:
        platforms = [
            manifest_descriptor(i, platform={"architecture": i.architecture, "os": "linux"})
            for i in images
        ]
        documents.append(index(platforms))
        entry = descriptor(f"{OCI}.index.v1+json", documents[-1], annotations=name)
    (layout / "blobs" / "sha256").mkdir(parents=True)
    (layout / "oci-layout").write_bytes(encode({"imageLayoutVersion": "1.0.0"}))
    (layout / "index.json").write_bytes(index([entry]))
    for content in documents:
        (layout / blob_path(digest(content))).write_bytes(content)
    for layer in (layer for image in images for layer in image.layers):
        shutil.copyfile(layer.blob, layout / blob_path(layer.info["digest"]))


def write_archive(layout: Path, docker: bytes, archive: Path) -> None:
    """Write the layout and Docker's manifest into one file."""
    manifest = archive.with_suffix(".docker.json")
    manifest.write_bytes(docker)
    files = {str(p.relative_to(layout)): p for p in layout.rglob("*") if p.is_file()}
    with tarfile.open(archive, mode="w", format=tarfile.PAX_FORMAT) as out:
        for name, path in sorted((files | {"manifest.json": manifest}).items()):
            header = tarfile.TarInfo(name)
            header.size = path.stat().st_size
            with path.open("rb") as content:
                out.addfile(header, content)
    manifest.unlink()


def write_sbom(image: Image, plan: dict[str, Any], path: Path) -> None:
    """Write the image's bill of materials."""
    licences = tomllib.loads(Path(plan["licences"]).read_text())
    components = merge(layer.inventory for layer in image.layers)
    revision = plan["labels"].get(REVISION, "unreleased")
    spdx = document(plan["reference"], digest(image.manifest), components, licences, revision)
    path.write_text(json.dumps(spdx, indent=1, sort_keys=True) + "\n")


def main() -> None:
    """Make the image."""
    plan = json.loads(Path(sys.argv[1]).read_text())
    layout = Path(plan["layout"])
    images = [image_of(plan, platform) for platform in plan["platforms"]]
    write_layout(images, plan["reference"], layout)
    if plan["archive"]:
        [image] = images
        write_archive(layout, docker_manifest(image, plan["reference"]), Path(plan["archive"]))
    for image, platform in zip(images, plan["platforms"], strict=True):
        write_sbom(image, plan, Path(platform["sbom"]))


if __name__ == "__main__":
    main()
