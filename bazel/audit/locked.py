"""What is locked, as vulnerability databases name it."""

import re
from dataclasses import dataclass

from bazel.deb.lock import parse_lock
from bazel.wheels import read_lock

# Suites of Debian by the number of their release.
RELEASES = {"trixie": 13, "forky": 14}


class UnknownSuiteError(Exception):
    """A lock of a suite whose release has no number here."""


@dataclass(frozen=True, order=True)
class Package:
    """A version of a package of an ecosystem, for example of PyPI or of Debian:14."""

    ecosystem: str
    name: str
    version: str


def wheels(lock: str) -> list[Package]:
    """Return the packages of a lock of wheels."""
    return [
        Package("PyPI", each.requirement.name, str(each.requirement.specifier).removeprefix("=="))
        for each in read_lock(lock)
    ]


def debian(lock: str) -> list[Package]:
    """Return the source packages of a lock of Debian packages, for advisories are about these.

    The folder of a file in a mirror bears the name of its source. A rebuild of the same source,
    version 1.0-1+b2, is 1.0-1 there.
    """
    parsed = parse_lock(lock)
    if parsed.suite not in RELEASES:
        message = f"{parsed.suite} is not among {', '.join(RELEASES)}: bazel/audit/locked.py"
        raise UnknownSuiteError(message)
    ecosystem = f"Debian:{RELEASES[parsed.suite]}"
    return sorted(
        {
            Package(ecosystem, each.path.split("/")[-2], re.sub(r"\+b\d+$", "", each.version))
            for each in parsed.packages
        }
    )
