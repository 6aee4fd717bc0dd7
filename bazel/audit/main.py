"""Looks up what is locked in a database of vulnerabilities.

./bazelw run //:audit looks at the wheels and at the Debian packages of images, for both
architectures. The exit code is 0 where nothing is found but what accepted.toml names, 1 where
something is, and 2 where the database cannot be asked.
"""

import argparse
import sys
import tomllib
from pathlib import Path

import httpx

from bazel.audit import locked
from bazel.audit.locked import Package, UnknownSuiteError
from bazel.audit.osv import Osv, OsvError, Vulnerability

TIMEOUT_SECONDS = 30.0


def describe(package: Package, found: Vulnerability) -> str:
    """Return what is said of a vulnerability of a package."""
    names = ", ".join([found.id, *found.aliases])
    fixes = found.fixes(package)
    fixed = f"fixed in {' or '.join(fixes)}" if fixes else "no fix known"
    return (
        f"{package.name} {package.version} ({package.ecosystem}): {names}: {fixed}: {found.summary}"
    )


def audit(osv: Osv, packages: list[Package], accepted: dict[str, str]) -> int:
    """Print what is found; return the exit code."""
    unused = set(accepted)
    found = 0
    for package, vulnerabilities in osv.find(packages).items():
        for vulnerability in vulnerabilities:
            names = {vulnerability.id, *vulnerability.aliases}
            reasons = [accepted[name] for name in sorted(names & accepted.keys())]
            unused -= names
            found += not reasons
            reason = f" (accepted: {reasons[0]})" if reasons else ""
            print(describe(package, vulnerability) + reason)
    for name in sorted(unused):
        print(f"accepted.toml: {name} is found no more")
    print(f"{len(packages)} packages, {found} vulnerabilities that are not accepted")
    return 1 if found or unused else 0


def main() -> int:
    """Audit what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wheels", type=Path, required=True, help="the lock of wheels")
    parser.add_argument("--debian", type=Path, required=True, help="the lock of Debian packages")
    parser.add_argument("--accepted", type=Path, required=True, help="what is known and let be")
    parser.add_argument("--api", default="https://api.osv.dev", help="where the database is")
    flags = parser.parse_args()
    accepted: dict[str, str] = tomllib.loads(flags.accepted.read_text())
    try:
        packages = locked.wheels(flags.wheels.read_text()) + locked.debian(flags.debian.read_text())
        with httpx.Client(base_url=flags.api, timeout=TIMEOUT_SECONDS) as client:
            return audit(Osv(client), packages, accepted)
    except (OsvError, UnknownSuiteError) as error:
        print(f"audit: nothing was audited: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
