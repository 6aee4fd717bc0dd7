"""What an image is made of: packages of others and our own code, each with its files."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote


@dataclass(frozen=True)
class Component:
    """A package, as its own metadata describe it.

    licence is an SPDX expression, and empty where the metadata have none. sha256 is that of the
    package's file, and empty where there is none: our own code.
    """

    name: str
    version: str
    licence: str
    purl: str
    sha256: str


def purl(kind: str, name: str, version: str = "", **qualifiers: str) -> str:
    """Return a package URL: pkg:deb/debian/libc6@2.43-7?arch=amd64."""
    end = f"@{quote(version, safe='')}" if version else ""
    more = "&".join(f"{key}={quote(value, safe='')}" for key, value in sorted(qualifiers.items()))
    return f"pkg:{kind}/{quote(name, safe='')}{end}" + (f"?{more}" if more else "")


def own(name: str) -> Component:
    """Return a component of ours. Its version is the revision that an image is labelled with."""
    return Component(name, "", "Apache-2.0", purl("generic", name), "")


def describe(component: Component, files: Mapping[str, bytes]) -> dict[str, Any]:
    """Return a component and its files as an inventory has them."""
    return asdict(component) | {"files": {path: _hashes(files[path]) for path in sorted(files)}}


def _hashes(content: bytes) -> dict[str, str]:
    # SPDX 2.3 asks for SHA-1; nothing here relies on it.
    sha1 = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    return {"sha1": sha1, "sha256": hashlib.sha256(content).hexdigest()}


def merge(inventories: Iterable[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return the components of several layers, each once, in the order of their names."""
    merged: dict[str, dict[str, Any]] = {}
    for component in (each for inventory in inventories for each in inventory):
        known = merged.setdefault(component["purl"], component | {"files": {}})
        known["files"] |= component["files"]
    return sorted(merged.values(), key=lambda component: (component["name"], component["purl"]))
