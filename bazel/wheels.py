"""The wheels of a lock file: fetched in one go, unpacked one by one.

wheels.py fetch LOCK STORE FOLDER [MACHINE GLIBC]: makes FOLDER/NAME.whl for each requirement of the
lock file. A wheel is taken from STORE where it is there with a hash of the lock; pip downloads all
others at once, into STORE. The wheels suit this interpreter, or the same version of it on another
machine (x86_64, aarch64) with version 2.GLIBC of the GNU C library.

wheels.py unpack WHEEL FOLDER [EXTRA...]: unpacks a wheel into FOLDER, as installers lay it out, and
prints the names of the packages that it needs with these extras, as JSON.
"""

import email.message
import email.parser
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags, sys_tags
from packaging.utils import canonicalize_name, parse_wheel_filename

# The oldest C library (2.N) that wheels for other machines are looked for.
OLDEST_GLIBC = 17

# Where the folders of WHEEL.data go; all else of a wheel goes to site-packages.
SCHEME = {
    "data": "data",
    "headers": "include",
    "platlib": "site-packages",
    "purelib": "site-packages",
    "scripts": "bin",
}


def identifier(name: str) -> str:
    """Return a package's name as it stands in the names of Bazel's repositories."""
    return canonicalize_name(name).replace("-", "_")


@dataclass(frozen=True)
class Locked:
    """A requirement of the lock file."""

    entry: str
    requirement: Requirement
    hashes: frozenset[str]

    @property
    def wheel(self) -> str:
        """What its wheel is called beside the others."""
        return f"{identifier(self.requirement.name)}.whl"


def read_lock(text: str) -> list[Locked]:
    """Return the requirements of a lock file."""
    entries = [line.strip() for line in text.replace("\\\n", " ").splitlines()]
    return [
        Locked(
            entry,
            Requirement(entry.partition("--hash=")[0].strip()),
            frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})", entry)),
        )
        for entry in entries
        if entry and not entry.startswith("#")
    ]


@dataclass(frozen=True)
class Target:
    """What wheels must suit: their tags, best first, and what says the same to pip."""

    name: str
    tags: tuple[Tag, ...]
    flags: tuple[str, ...] = ()


def this_interpreter() -> Target:
    """Return what runs this program."""
    return Target("this interpreter", tuple(sys_tags()))


def other_machine(machine: str, glibc: int) -> Target:
    """Return this version of Python on another machine, with a C library of version 2.GLIBC."""
    version = sys.version_info[:2]
    interpreter = f"cp{version[0]}{version[1]}"
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(glibc, OLDEST_GLIBC - 1, -1)]
    platforms += [f"manylinux2014_{machine}", f"linux_{machine}"]
    tags = (
        *cpython_tags(version, [interpreter], platforms),
        *compatible_tags(version, interpreter, platforms),
    )
    named = (f"--platform={platform}" for platform in platforms)
    python = f"--python-version={version[0]}.{version[1]}"
    return Target(f"{machine} and glibc 2.{glibc}", tags, ("--implementation=cp", python, *named))


def rank(wheel: Path, locked: Locked, tags: tuple[Tag, ...]) -> int | None:
    """Return how well a file suits a target, 0 best; None where it is another package."""
    name, version, _, wheel_tags = parse_wheel_filename(wheel.name)
    if name != canonicalize_name(locked.requirement.name):
        return None
    if not locked.requirement.specifier.contains(version, prereleases=True):
        return None
    return min((tags.index(tag) for tag in wheel_tags if tag in tags), default=None)


def find(locked: Locked, store: Path, tags: tuple[Tag, ...]) -> Path | None:
    """Return the wheel of the store that pip would choose: the best that has a locked hash."""
    ranked = ((rank(wheel, locked, tags), wheel) for wheel in sorted(store.glob("*.whl")))
    for _, wheel in sorted((found, wheel) for found, wheel in ranked if found is not None):
        with wheel.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() in locked.hashes:
                return wheel
    return None


def download(wanted: list[Locked], store: Path, target: Target) -> None:
    """Let pip download what is wanted; a wheel appears in the store when it is whole."""
    with tempfile.TemporaryDirectory(dir=store) as name:
        folder = Path(name)
        requirements = folder / "requirements.txt"
        requirements.write_text("".join(f"{locked.entry}\n" for locked in wanted))
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet"]
        flags = ["--no-deps", "--only-binary=:all:", "--require-hashes", *target.flags]
        subprocess.run(  # noqa: S603
            [*pip, "download", *flags, f"--dest={folder}", f"--requirement={requirements}"],
            check=True,
        )
        for wheel in folder.glob("*.whl"):
            wheel.replace(store / wheel.name)


def link(source: Path, target: Path) -> None:
    """Make a file appear in another folder, without a copy where both are of one file system."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def fetch(lock: Path, store: Path, folder: Path, target: Target) -> None:
    """Make FOLDER/NAME.whl for each requirement of the lock file."""
    store.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    locked = read_lock(lock.read_text())
    missing = [one for one in locked if not find(one, store, target.tags)]
    if missing:
        download(missing, store, target)
    for one in locked:
        wheel = find(one, store, target.tags)
        if wheel is None:
            sys.exit(f"pip found no wheel of {one.requirement} that suits {target.name}")
        link(wheel, folder / one.wheel)


def place(path: str) -> str:
    """Return where a file of a wheel goes."""
    root, _, rest = path.partition("/")
    if not root.endswith(".data"):
        return f"site-packages/{path}"
    kind, _, rest = rest.partition("/")
    return f"{SCHEME[kind]}/{rest}"


def unpack(wheel: Path, folder: Path) -> email.message.Message:
    """Unpack a wheel and return its metadata."""
    metadata = email.message.Message()
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            if member.is_dir():
                continue
            if re.fullmatch(r"[^/]+\.dist-info/METADATA", member.filename):
                metadata = email.parser.BytesParser().parsebytes(archive.read(member))
            executable = (member.external_attr >> 16) & 0o111
            member.filename = place(member.filename)
            target = Path(archive.extract(member, folder))
            target.chmod(0o755 if executable or target.parent == folder / "bin" else 0o644)
    return metadata


def needed(metadata: email.message.Message, extras: list[str]) -> list[str]:
    """Return the names of the packages that a wheel needs with these extras, itself excepted."""
    requirements = map(Requirement, metadata.get_all("Requires-Dist", []))
    names = {
        identifier(requirement.name)
        for requirement in requirements
        if requirement.marker is None
        or any(requirement.marker.evaluate({"extra": extra}) for extra in ["", *extras])
    }
    return sorted(names - {identifier(metadata["Name"])})


def main() -> None:
    """Do what the command line says."""
    match sys.argv[1:]:
        case ["fetch", lock, store, folder]:
            fetch(Path(lock), Path(store), Path(folder), this_interpreter())
        case ["fetch", lock, store, folder, machine, glibc]:
            target = other_machine(machine, int(glibc))
            fetch(Path(lock), Path(store), Path(folder), target)
        case ["unpack", wheel, folder, *extras]:
            print(json.dumps(needed(unpack(Path(wheel), Path(folder)), extras)))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
