"""Writes a lock of Debian packages anew: update_lock.py SUITE LOCK LISTING...

apt reads the mirror's lists, and so checks their signature, once for each architecture, with a
state of its own: nothing is installed. The mirror is BODEGA_DEBIAN_MIRROR, else the one of apt's
own settings, as in the private Debian root. Paths are relative to the source tree.
"""

import os
import re
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from bazel.deb.lock import Lock, Locked, format_lock, names

ARCHITECTURES = ("amd64", "arm64")


class LockError(Exception):
    """A lock that cannot be written, with the reason."""


class Apt:
    """apt with a state of its own, for one architecture of one suite."""

    def __init__(self, folder: Path, architecture: str, source: str) -> None:
        self._lists = folder / "lists"
        (self._lists / "partial").mkdir(parents=True)
        (folder / "cache" / "archives" / "partial").mkdir(parents=True)
        (folder / "sources.list").write_text(source)
        settings = {
            "APT::Architecture": architecture,
            "APT::Architectures": architecture,
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Dir::Cache": str(folder / "cache"),
            "Dir::Etc::sourcelist": str(folder / "sources.list"),
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::State": str(folder),
            "Dir::State::lists": str(self._lists),
            "Dir::State::status": "/dev/null",
        }
        self._options = [f"--option={name}={value}" for name, value in settings.items()]

    def run(self, program: str, *arguments: str) -> str:
        """Run a program of apt's and return what it prints."""
        done = subprocess.run(  # noqa: S603
            [program, *self._options, *arguments], capture_output=True, text=True, check=False
        )
        if done.returncode:
            message = f"{program} {' '.join(arguments)}: {done.stderr}"
            raise LockError(message)
        return done.stdout

    def release_time(self) -> datetime:
        """Return when the mirror's lists were made."""
        [release] = self._lists.glob("*InRelease")
        lines = release.read_text().splitlines()
        date = next(line.removeprefix("Date: ") for line in lines if line.startswith("Date: "))
        return parsedate_to_datetime(date).astimezone(UTC)


def fields(stanza: str) -> dict[str, str]:
    """Return the fields of a stanza that are one line."""
    pairs = (line.partition(": ") for line in stanza.splitlines() if not line.startswith(" "))
    return {name: value for name, _, value in pairs}


def locked(architecture: str, wanted: list[str], shown: str) -> list[Locked]:
    """Return the packages of those names, as apt shows them."""
    stanzas = [fields(stanza) for stanza in shown.split("\n\n") if stanza.strip()]
    found = {stanza["Package"]: stanza for stanza in stanzas}
    if missing := [name for name in wanted if name not in found]:
        message = f"{architecture} has no {', '.join(missing)}"
        raise LockError(message)
    return [
        Locked(
            architecture=architecture,
            name=name,
            version=found[name]["Version"],
            size=int(found[name]["Size"]),
            sha256=found[name]["SHA256"],
            path=found[name]["Filename"],
        )
        for name in wanted
    ]


def mirror() -> str:
    """Return the mirror in use on this machine."""
    if "BODEGA_DEBIAN_MIRROR" in os.environ:
        return os.environ["BODEGA_DEBIAN_MIRROR"]
    command = ["apt-get", "update", "--print-uris"]
    uris = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603
    if found := re.search(r"'(\S+/debian)/dists/", uris):
        return found[1]
    message = "set BODEGA_DEBIAN_MIRROR to a Debian mirror, for example http://HOST/debian"
    raise LockError(message)


def make_lock(suite: str, wanted: list[str], folder: Path) -> Lock:
    """Return the packages as the mirror has them now."""
    source = f"deb {mirror()} {suite} main\n"
    packages: list[Locked] = []
    times: set[datetime] = set()
    for architecture in ARCHITECTURES:
        apt = Apt(folder / architecture, architecture, source)
        apt.run("apt-get", "update")
        times.add(apt.release_time())
        packages += locked(
            architecture, wanted, apt.run("apt-cache", "show", "--no-all-versions", *wanted)
        )
    if len(times) > 1:
        message = "the mirror changed while it was read; run this again"
        raise LockError(message)
    return Lock(suite, f"{times.pop():%Y%m%dT%H%M%SZ}", tuple(packages))


def main() -> None:
    """Write the lock."""
    suite, lock, *listings = sys.argv[1:]
    workspace = Path(os.environ["BUILD_WORKSPACE_DIRECTORY"])
    wanted = [name for listing in listings for name in names((workspace / listing).read_text())]
    with tempfile.TemporaryDirectory() as folder:
        try:
            made = make_lock(suite, wanted, Path(folder))
        except LockError as error:
            sys.exit(f"update_lock: {error}")
    (workspace / lock).write_text(format_lock(made))


if __name__ == "__main__":
    main()
