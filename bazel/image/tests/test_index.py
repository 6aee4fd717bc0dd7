"""The image for all architectures."""

import gzip
import io
import json
import os
import struct
import tarfile
from pathlib import Path
from typing import Any

import pytest

from bazel.image.testing.locked import MACHINE

INDEX = "application/vnd.oci.image.index.v1+json"
ELF_MACHINES = {"amd64": 62, "arm64": 183}


class Layout:
    """An OCI layout."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        [self.entry] = json.loads((folder / "index.json").read_text())["manifests"]

    def blob(self, descriptor: dict[str, Any]) -> bytes:
        """Return what a descriptor is of."""
        digest: str = descriptor["digest"]
        return (self._folder / "blobs" / digest.replace(":", "/")).read_bytes()

    def image(self, architecture: str) -> dict[str, Any]:
        """Return the manifest for an architecture."""
        for descriptor in json.loads(self.blob(self.entry))["manifests"]:
            if descriptor["platform"] == {"architecture": architecture, "os": "linux"}:
                manifest: dict[str, Any] = json.loads(self.blob(descriptor))
                return manifest
        raise AssertionError(architecture)


@pytest.fixture(scope="module")
def layout() -> Layout:
    return Layout(Path(os.environ["INDEX"]))


def test_the_layout_names_an_index_of_both_architectures(layout: Layout) -> None:
    assert layout.entry["mediaType"] == INDEX
    assert layout.entry["annotations"]["org.opencontainers.image.ref.name"] == "bodega/hello:latest"
    for architecture in ELF_MACHINES:
        config = json.loads(layout.blob(layout.image(architecture)["config"]))
        assert config["architecture"] == architecture


def test_the_image_of_this_machine_is_the_one_that_is_built_alone(layout: Layout) -> None:
    alone = Layout(Path(os.environ["ALONE"]))
    assert layout.image(MACHINE) == json.loads(alone.blob(alone.entry))


def test_architectures_share_the_application_and_nothing_else(layout: Layout) -> None:
    one, other = (
        [layer["digest"] for layer in layout.image(architecture)["layers"]]
        for architecture in ELF_MACHINES
    )
    assert one[2] == other[2]
    assert not set(one[:2]) & set(other[:2])


@pytest.mark.parametrize("architecture", ELF_MACHINES)
def test_every_program_and_library_is_of_its_architecture(
    layout: Layout, architecture: str
) -> None:
    found = 0
    for descriptor in layout.image(architecture)["layers"]:
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(layout.blob(descriptor)))) as layer:
            for member in layer:
                file = layer.extractfile(member) if member.isfile() else None
                head = file.read(20) if file else b""
                if head.startswith(b"\x7fELF"):
                    found += 1
                    [machine] = struct.unpack_from("<H", head, 18)
                    assert machine == ELF_MACHINES[architecture], member.name
    assert found > 50


@pytest.mark.parametrize("architecture", ELF_MACHINES)
def test_each_architecture_has_a_bill_of_materials_of_its_own(
    layout: Layout, architecture: str
) -> None:
    sboms = [json.loads(Path(path).read_text()) for path in os.environ["INDEX_SBOMS"].split()]
    digests = {sbom["packages"][0]["checksums"][0]["checksumValue"] for sbom in sboms}
    manifests = json.loads(layout.blob(layout.entry))["manifests"]
    assert digests == {manifest["digest"].removeprefix("sha256:") for manifest in manifests}
    wanted = f"arch={architecture}"
    assert any(wanted in json.dumps(sbom["packages"]) for sbom in sboms)
