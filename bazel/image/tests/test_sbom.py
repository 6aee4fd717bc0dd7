"""The bills of materials of images: whole, and of licences that are allowed."""

import hashlib
import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from bazel.image.testing.archive import Image, read_image


class Bill:
    """An image and its bill of materials."""

    def __init__(self, sbom: Path) -> None:
        self.image: Image = read_image(sbom.with_name(sbom.name.replace(".spdx.json", ".tar")))
        self.document: dict[str, Any] = json.loads(sbom.read_text())
        self.packages: list[dict[str, Any]] = self.document["packages"]

    def checksum(self, element: dict[str, Any]) -> str:
        """Return the SHA-256 of a file or a package."""
        [value] = (
            each["checksumValue"] for each in element["checksums"] if each["algorithm"] == "SHA256"
        )
        return str(value)

    def related(self, kind: str) -> list[tuple[str, str]]:
        """Return the pairs of a kind of relationship."""
        return [
            (each["spdxElementId"], each["relatedSpdxElement"])
            for each in self.document["relationships"]
            if each["relationshipType"] == kind
        ]


@pytest.fixture(
    scope="module", params=[Path(path) for path in os.environ["SBOMS"].split()], ids=str
)
def bill(request: pytest.FixtureRequest) -> Bill:
    return Bill(request.param)


@pytest.fixture(scope="module")
def allowed() -> set[str]:
    return set(tomllib.loads(Path(os.environ["LICENCES"]).read_text())["allowed"])


def test_every_file_of_the_layers_is_in_it_with_its_hash_and_no_other_is(bill: Bill) -> None:
    found = {
        name: hashlib.sha256(content).hexdigest() for name, content in bill.image.files().items()
    }
    listed = {
        file["fileName"].removeprefix("./"): bill.checksum(file) for file in bill.document["files"]
    }
    assert listed == found


def test_every_file_is_of_a_package_that_the_image_contains(bill: Bill) -> None:
    contained = bill.related("CONTAINS")
    packages = {other for one, other in contained if one == "SPDXRef-Image"}
    owned = {other for one, other in contained if one in packages}
    assert packages == {package["SPDXID"] for package in bill.packages[1:]}
    assert owned == {file["SPDXID"] for file in bill.document["files"]}


def test_every_package_has_a_version_a_hash_a_licence_and_a_package_url(bill: Bill) -> None:
    for package in bill.packages[1:]:
        [reference] = package["externalRefs"]
        assert reference["referenceLocator"].startswith(("pkg:deb/", "pkg:pypi/", "pkg:generic/"))
        assert package["versionInfo"]
        assert re.fullmatch("[0-9a-f]{64}", bill.checksum(package))
        assert package["licenseDeclared"] != "NOASSERTION", package["name"]


def accepted(expression: str, allowed: set[str]) -> bool:
    """Say whether one alternative of an expression without parentheses is allowed as a whole."""
    alternatives = (alternative.split(" AND ") for alternative in expression.split(" OR "))
    return any(set(alternative) <= allowed for alternative in alternatives)


def test_every_licence_is_allowed(bill: Bill, allowed: set[str]) -> None:
    licences = {package["name"]: package["licenseDeclared"] for package in bill.packages}
    assert {name: x for name, x in licences.items() if not accepted(x, allowed)} == {}


def test_a_licence_that_is_not_listed_is_not_accepted() -> None:
    assert not accepted("GPL-3.0-only", {"MIT"})
    assert not accepted("MIT AND GPL-3.0-only", {"MIT"})
    assert accepted("GPL-3.0-only OR MIT", {"MIT"})


def test_the_packages_are_those_that_scanners_find_in_the_image(bill: Bill) -> None:
    files = bill.image.files()
    records = {name for name in files if name.startswith("var/lib/dpkg/status.d/")}
    metadata = {name for name in files if name.endswith(".dist-info/METADATA")}
    urls = [package["externalRefs"][0]["referenceLocator"] for package in bill.packages[1:]]
    assert len(records) == sum(url.startswith("pkg:deb/") for url in urls)
    assert len(metadata) == sum(url.startswith("pkg:pypi/") for url in urls)


def test_the_image_is_named_by_its_digest(bill: Bill) -> None:
    image = bill.packages[0]
    manifest = json.dumps(bill.image.manifest, separators=(",", ":"), sort_keys=True)
    assert bill.checksum(image) == hashlib.sha256(manifest.encode()).hexdigest()
    assert image["name"] == bill.image.reference
    assert bill.related("DESCRIBES") == [("SPDXRef-DOCUMENT", image["SPDXID"])]


def test_identifiers_are_unique_and_legal(bill: Bill) -> None:
    elements = [*bill.packages, *bill.document["files"], bill.document]
    identifiers = [element["SPDXID"] for element in elements]
    assert len(set(identifiers)) == len(identifiers)
    assert all(re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", each) for each in identifiers)
    assert bill.document["spdxVersion"] == "SPDX-2.3"
    assert bill.document["documentNamespace"].startswith("urn:uuid:")
