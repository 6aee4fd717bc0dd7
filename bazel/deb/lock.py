"""The lock of Debian packages: one package a line, for each architecture.

Written by bazel/debian/lock.sh; read by deb.bzl as well, so the format is one that needs no parser.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Locked:
    """A package: its version, and its file, whose path is relative to any mirror."""

    architecture: str
    name: str
    version: str
    size: int
    sha256: str
    path: str


@dataclass(frozen=True)
class Lock:
    """Packages of a suite at the time of a snapshot, for example 20261030T080801Z."""

    suite: str
    snapshot: str
    packages: tuple[Locked, ...]


def names(listing: str) -> list[str]:
    """Return the names of a list of packages: one a line, # begins a comment."""
    lines = (line.partition("#")[0].strip() for line in listing.splitlines())
    return [line for line in lines if line]


def parse_lock(text: str) -> Lock:
    """Return the lock of a text."""
    rows = [line.split() for line in text.splitlines() if not line.startswith("#")]
    settings = dict(row for row in rows if len(row) == 2)
    return Lock(settings["suite"], settings["snapshot"], tuple(_locked(rows)))


def _locked(rows: Iterable[list[str]]) -> Iterable[Locked]:
    for row in rows:
        if row[0] not in ("suite", "snapshot"):
            architecture, name, version, size, sha256, path = row
            yield Locked(architecture, name, version, int(size), sha256, path)
