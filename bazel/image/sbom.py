"""The bill of materials of an image: an SPDX 2.3 document (JSON)."""

import hashlib
import re
import uuid
from collections.abc import Mapping
from typing import Any

CREATED = "1970-01-01T00:00:00Z"
UNKNOWN = "NOASSERTION"


def licence(component: Mapping[str, Any], licences: Mapping[str, Any]) -> str:
    """Return a component's licence: as its metadata say, else as licences.toml does."""
    kind = component["purl"].partition("/")[0]
    table = {"pkg:deb": "debian", "pkg:pypi": "wheels"}.get(kind)
    known = licences[table].get(component["name"]) if table else None
    return str(component["licence"] or known or UNKNOWN)


def identifier(kind: str, name: str) -> str:
    """Return an identifier within the document."""
    return f"SPDXRef-{kind}-{re.sub('[^A-Za-z0-9.]+', '-', name)}"


def verification_code(files: Mapping[str, Mapping[str, str]]) -> str:
    """Return the one hash that SPDX defines for a package's files (section 7.9)."""
    hashes = "".join(sorted(file["sha1"] for file in files.values()))
    return hashlib.sha1(hashes.encode(), usedforsecurity=False).hexdigest()


def own_sha256(files: Mapping[str, Mapping[str, str]]) -> str:
    """Return the hash of a component that is no one file: of its files, as sha256sum lists them."""
    lines = "".join(f"{files[path]['sha256']}  {path}\n" for path in sorted(files))
    return hashlib.sha256(lines.encode()).hexdigest()


def package(
    component: Mapping[str, Any], licences: Mapping[str, Any], revision: str
) -> dict[str, Any]:
    """Return a component as a package of the document."""
    files = component["files"]
    return {
        "SPDXID": identifier("Package", component["purl"].removeprefix("pkg:")),
        "checksums": [
            {"algorithm": "SHA256", "checksumValue": component["sha256"] or own_sha256(files)}
        ],
        "copyrightText": UNKNOWN,
        "downloadLocation": UNKNOWN,
        "externalRefs": [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceLocator": component["purl"],
                "referenceType": "purl",
            }
        ],
        "filesAnalyzed": True,
        "licenseConcluded": UNKNOWN,
        "licenseDeclared": licence(component, licences),
        "name": component["name"],
        "packageVerificationCode": {"packageVerificationCodeValue": verification_code(files)},
        "versionInfo": component["version"] or revision,
    }


def relation(one: str, kind: str, other: str) -> dict[str, str]:
    """Return a relationship."""
    return {"relatedSpdxElement": other, "relationshipType": kind, "spdxElementId": one}


def document(
    reference: str,
    manifest_digest: str,
    components: list[dict[str, Any]],
    licences: Mapping[str, Any],
    revision: str,
) -> dict[str, Any]:
    """Return the document of an image.

    A file that two components bring, a licence for example, is one file of the document.
    """
    algorithm, _, value = manifest_digest.partition(":")
    image = {
        "SPDXID": "SPDXRef-Image",
        "checksums": [{"algorithm": algorithm.upper(), "checksumValue": value}],
        "copyrightText": UNKNOWN,
        "downloadLocation": UNKNOWN,
        "filesAnalyzed": False,
        "licenseConcluded": UNKNOWN,
        "licenseDeclared": "Apache-2.0",
        "name": reference,
        "primaryPackagePurpose": "CONTAINER",
        "versionInfo": revision,
    }
    hashes = {path: file for component in components for path, file in component["files"].items()}
    names = {path: f"SPDXRef-File-{number}" for number, path in enumerate(sorted(hashes), 1)}
    packages = [package(component, licences, revision) for component in components]
    relations = [relation("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-Image")]
    for component, described in zip(components, packages, strict=True):
        relations.append(relation("SPDXRef-Image", "CONTAINS", described["SPDXID"]))
        relations += [
            relation(described["SPDXID"], "CONTAINS", names[path]) for path in component["files"]
        ]
    return {
        "SPDXID": "SPDXRef-DOCUMENT",
        "creationInfo": {"created": CREATED, "creators": ["Organization: Bodega"]},
        "dataLicense": "CC0-1.0",
        "documentNamespace": uuid.uuid5(uuid.NAMESPACE_URL, manifest_digest).urn,
        "files": [
            {
                "SPDXID": names[path],
                "checksums": [
                    {"algorithm": "SHA1", "checksumValue": hashes[path]["sha1"]},
                    {"algorithm": "SHA256", "checksumValue": hashes[path]["sha256"]},
                ],
                "fileName": f"./{path}",
            }
            for path in sorted(hashes)
        ],
        "name": reference,
        "packages": [image, *packages],
        "relationships": relations,
        "spdxVersion": "SPDX-2.3",
    }
