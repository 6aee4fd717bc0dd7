"""Makes the base layer of all images out of Debian packages.

base_layer.py ARCHITECTURE PACKAGES.txt LOCK BLOB INFO INVENTORY DEB...
"""

import sys
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from bazel.deb import archive as deb
from bazel.deb.lock import Lock, Locked, names, parse_lock
from bazel.image.bytecode import with_bytecode
from bazel.image.component import Component, own, purl
from bazel.image.layer import Entry, File, Folder, Link, Outputs, Part

# Taken of each package is what KEPT says and LEFT_OUT does not. So no shell, no tool and no
# maintainer script gets in, whatever a later version of a package may bring.
KEPT = (
    "usr/bin/python3.14",
    "usr/lib/ld-linux-*",
    "usr/lib/os-release",
    "usr/lib/*-linux-gnu/*.so",
    "usr/lib/*-linux-gnu/*.so.*",
    "usr/lib/python3.14/**",
    "usr/lib64/ld-linux-*",
    "usr/share/common-licenses/*",
    "usr/share/doc/*",  # where one package's papers are a link to another's
    "usr/share/doc/*/copyright",
)
LEFT_OUT = (
    # Debian's hook for its crash reporter
    "usr/lib/python3.14/sitecustomize.py",
    # for people at a terminal
    "usr/lib/python3.14/_pyrepl/**",
    "usr/lib/python3.14/pydoc_data/**",
    "usr/lib/python3.14/turtle.py",
    "usr/lib/python3.14/lib-dynload/_curses*",
    "usr/lib/python3.14/lib-dynload/readline*",
    # Berkeley DB
    "usr/lib/python3.14/lib-dynload/_dbm*",
    # tests
    "usr/lib/python3.14/test/**",
    "usr/lib/python3.14/lib-dynload/_*test*",
    "usr/lib/python3.14/lib-dynload/xx*",
)

AUTHORITIES = "usr/share/ca-certificates/mozilla/*.crt"
NOBODY_ELSE = 65532  # the uid and gid of `nonroot` in other people's minimal images too

WRITTEN_HERE: dict[str, Entry] = {
    "bin": Link("usr/bin"),
    "data": Folder(mode=0o700, owner=NOBODY_ELSE),
    "etc/group": File(f"root:x:0:\nnonroot:x:{NOBODY_ELSE}:\n".encode()),
    "etc/nsswitch.conf": File(b"passwd: files\ngroup: files\nhosts: files dns\n"),
    "etc/os-release": Link("../usr/lib/os-release"),
    "etc/passwd": File(
        b"root:x:0:0:root:/:/usr/sbin/nologin\n"
        b"nonroot:x:%d:%d:nonroot:/data:/usr/sbin/nologin\n" % (NOBODY_ELSE, NOBODY_ELSE)
    ),
    "lib": Link("usr/lib"),
    "lib64": Link("usr/lib64"),
    "tmp": Folder(mode=0o1777),
}


class UnknownPackageError(Exception):
    """A package that the lock does not have."""


def matches(path: PurePosixPath, patterns: Iterable[str]) -> bool:
    """Say whether a whole path is one of the patterns'."""
    return any(path.full_match(pattern) for pattern in patterns)


def entry_of(found: deb.Entry) -> Entry:
    """Return what the layer has for a package's file or link."""
    if found.target is not None:
        return Link(found.target)
    return File(found.content, executable=found.executable and found.path.suffix != ".py")


def status(package: deb.Deb) -> File:
    """Return the package's record for scanners, as dpkg writes it for an installed package."""
    first, _, rest = package.control.partition("\n")
    return File(f"{first}\nStatus: install ok installed\n{rest}\n".encode())


def authorities(package: deb.Deb) -> File:
    """Return Debian's certificates in one file."""
    found = sorted((e.path, e.content) for e in package.entries if e.path.full_match(AUTHORITIES))
    return File(b"".join(content for _, content in found))


def package_part(package: deb.Deb, locked: Locked, suite: str) -> Part:
    """Return what the layer takes of one package."""
    tree: dict[PurePosixPath, Entry] = {
        entry.path: entry_of(entry)
        for entry in package.entries
        if matches(entry.path, KEPT) and not matches(entry.path, LEFT_OUT)
    }
    tree[PurePosixPath("var/lib/dpkg/status.d", locked.name)] = status(package)
    if locked.name == "ca-certificates":
        tree[PurePosixPath("etc/ssl/certs/ca-certificates.crt")] = authorities(package)
    arch = package.field("Architecture")
    component = Component(
        name=locked.name,
        version=locked.version,
        licence="",
        purl=purl("deb/debian", locked.name, locked.version, arch=arch, distro=suite),
        sha256=locked.sha256,
    )
    return Part(component, with_bytecode(tree))


def base(wanted: list[str], lock: Lock, architecture: str, debs: dict[str, Path]) -> list[Part]:
    """Return the whole layer."""
    locked = {p.name: p for p in lock.packages if p.architecture == architecture}
    parts = [Part(own("bodega-image-base"), {PurePosixPath(p): e for p, e in WRITTEN_HERE.items()})]
    for name in wanted:
        if name not in locked:
            message = f"{name} is not in the lock: ./bazelw --update-locks"
            raise UnknownPackageError(message)
        parts.append(package_part(deb.read_deb(debs[name]), locked[name], lock.suite))
    return parts


def main() -> None:
    """Make the layer."""
    architecture, *rest = sys.argv[1:]
    listing, lock, blob, info, inventory, *debs = map(Path, rest)
    try:
        parts = base(
            names(listing.read_text()),
            parse_lock(lock.read_text()),
            architecture,
            {path.stem: path for path in debs},
        )
    except UnknownPackageError as error:
        sys.exit(f"{listing}: {error}")
    Outputs(blob, info, inventory).write(parts, created_by="Debian packages")


if __name__ == "__main__":
    main()
