"""Makes the base layer of all images out of Debian packages that stand in the build's own root.

base_layer.py PACKAGES.txt BLOB INFO
"""

import stat
import sys
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from bazel.image import debian
from bazel.image.bytecode import with_bytecode
from bazel.image.layer import Entry, File, Folder, Link, write_layer

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


def matches(path: PurePosixPath, patterns: Iterable[str]) -> bool:
    """Say whether a whole path is one of the patterns'."""
    return any(path.full_match(pattern) for pattern in patterns)


def read_entry(path: Path) -> Entry | None:
    """Return what stands at a path; None for a folder, which comes with what is in it."""
    if path.is_symlink():
        return Link(str(path.readlink()))
    if path.is_dir():
        return None
    program = path.suffix != ".py" and bool(path.stat().st_mode & stat.S_IXUSR)
    return File(path.read_bytes(), executable=program)


def package_entries(package: debian.Package, root: Path) -> dict[PurePosixPath, Entry]:
    """Return what the layer takes of one package, and the package's record for scanners."""
    wanted = (p for p in package.paths if matches(p, KEPT) and not matches(p, LEFT_OUT))
    entries = {path: entry for path in wanted if (entry := read_entry(root / path)) is not None}
    record = PurePosixPath("var/lib/dpkg/status.d", package.name)
    return entries | {record: File(package.stanza.encode() + b"\n")}


def authorities(packages: Iterable[debian.Package], root: Path) -> File:
    """Return Debian's certificates in one file; the host's own, which the root has too, not."""
    paths = sorted(p for package in packages for p in package.paths if p.full_match(AUTHORITIES))
    return File(b"".join((root / path).read_bytes() for path in paths))


def base(packages: list[debian.Package], root: Path) -> dict[PurePosixPath, Entry]:
    """Return the whole layer, but for bytecode."""
    entries = {PurePosixPath(path): entry for path, entry in WRITTEN_HERE.items()}
    entries[PurePosixPath("etc/ssl/certs/ca-certificates.crt")] = authorities(packages, root)
    for package in packages:
        entries |= package_entries(package, root)
    return entries


def main() -> None:
    """Make the layer."""
    listing, blob, info = map(Path, sys.argv[1:])
    try:
        packages = debian.installed(debian.DATABASE, debian.named(listing.read_text()))
    except debian.UnknownPackageError as error:
        sys.exit(f"{listing}: {error}")
    tree = with_bytecode(base(packages, Path("/")))
    write_layer(tree, blob=blob, info=info, created_by="Debian packages")


if __name__ == "__main__":
    main()
