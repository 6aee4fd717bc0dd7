"""What the Debian root knows of its packages: dpkg's own records, kept below /usr by its recipe."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

DATABASE = Path("/usr/share/bodega/dpkg")


class UnknownPackageError(Exception):
    """A package that the root does not have."""


@dataclass(frozen=True)
class Package:
    """An installed package: its entry in dpkg's status file, and the paths that are its own."""

    name: str
    stanza: str
    paths: tuple[PurePosixPath, ...]


def named(listing: str) -> list[str]:
    """Return the names of a list of packages: one a line, # begins a comment."""
    lines = (line.partition("#")[0].strip() for line in listing.splitlines())
    return [line for line in lines if line]


def field(stanza: str, name: str) -> str:
    """Return a field's first line."""
    start = f"{name}: "
    return next(line.removeprefix(start) for line in stanza.splitlines() if line.startswith(start))


def owned_paths(database: Path, stanza: str) -> tuple[PurePosixPath, ...]:
    """Return what a package's list says, relative to the root's top."""
    package = field(stanza, "Package")
    names = (f"{package}.list", f"{package}:{field(stanza, 'Architecture')}.list")
    listing = next(path for name in names if (path := database / name).is_file())
    return tuple(PurePosixPath(line.lstrip("/")) for line in listing.read_text().splitlines())


def installed(database: Path, names: Iterable[str]) -> list[Package]:
    """Return the packages of those names, in their order."""
    stanzas = {
        field(stanza, "Package"): stanza
        for stanza in (database / "status").read_text().split("\n\n")
        if stanza.strip()
    }
    packages = []
    for name in names:
        if name not in stanzas:
            message = f"{name}: not in the Debian root (bazel/debian/build_packages.txt)"
            raise UnknownPackageError(message)
        packages.append(Package(name, stanzas[name], owned_paths(database, stanzas[name])))
    return packages
