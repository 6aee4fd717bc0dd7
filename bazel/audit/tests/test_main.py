"""The audit as a program, against a real HTTP server."""

import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from bazel.audit.tests.database import Database

DIGEST = "5c" * 32
WHEELS = f"one==1.0 --hash=sha256:{DIGEST}\ntwo==2.0 --hash=sha256:{DIGEST}\n"
DEBIAN = f"""\
suite forky
snapshot 20261030T080801Z
amd64 libc6 2.43-7 1866392 {DIGEST} pool/main/g/glibc/libc6_2.43-7_amd64.deb
"""
ONE, TWO, GLIBC = ("PyPI", "one", "1.0"), ("PyPI", "two", "2.0"), ("Debian:14", "glibc", "2.43-7")


@dataclass(frozen=True)
class Audit:
    """The program, with locks of its own."""

    folder: Path

    def run(self, api: str, accepted: str = "") -> subprocess.CompletedProcess[str]:
        for name, text in (("wheels", WHEELS), ("debian", DEBIAN), ("accepted", accepted)):
            (self.folder / name).write_text(text)
        flags = [f"--{name}={self.folder / name}" for name in ("wheels", "debian", "accepted")]
        return subprocess.run(  # noqa: S603
            [sys.executable, "-m", "bazel.audit.main", *flags, f"--api={api}"],
            capture_output=True,
            check=False,
            text=True,
        )


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    return Audit(tmp_path)


def test_every_locked_package_is_asked_for_and_none_is_vulnerable(
    audit: Audit, database: Database
) -> None:
    done = audit.run(database.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "3 packages, 0 vulnerabilities that are not accepted\n"
    assert {ONE, TWO, GLIBC} <= set(database.asked)


@pytest.fixture
def vulnerable(database: Database) -> Database:
    """A database that knows a vulnerability of one wheel and two of a Debian package."""
    database.found |= {ONE: ["GHSA-1"], GLIBC: ["CVE-1", "CVE-2"]}
    affected = {
        "package": {"ecosystem": "PyPI", "name": "one"},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]}],
    }
    database.vulnerabilities = {
        "GHSA-1": {
            "id": "GHSA-1",
            "aliases": ["CVE-9"],
            "summary": "Runs what it is sent",
            "affected": [affected],
        },
        "CVE-1": {"id": "CVE-1"},
        "CVE-2": {"id": "CVE-2"},
    }
    return database


def test_a_vulnerability_is_named_with_its_package_and_its_fix(
    audit: Audit, vulnerable: Database
) -> None:
    done = audit.run(vulnerable.url)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines() == [
        "one 1.0 (PyPI): GHSA-1, CVE-9: fixed in 1.1: Runs what it is sent",
        "glibc 2.43-7 (Debian:14): CVE-1: no fix known: ",
        "glibc 2.43-7 (Debian:14): CVE-2: no fix known: ",
        "3 packages, 3 vulnerabilities that are not accepted",
    ]


def test_vulnerabilities_on_a_later_page_are_found(audit: Audit, vulnerable: Database) -> None:
    vulnerable.page = 1
    done = audit.run(vulnerable.url)
    assert done.returncode == 1
    assert "CVE-1" in done.stdout
    assert "CVE-2" in done.stdout


def test_a_vulnerability_is_accepted_by_any_of_its_names(
    audit: Audit, vulnerable: Database
) -> None:
    reasons = 'CVE-9 = "never sent"\nCVE-1 = "not called"\nCVE-2 = "not called"\n'
    done = audit.run(vulnerable.url, accepted=reasons)
    assert done.returncode == 0
    assert "Runs what it is sent (accepted: never sent)" in done.stdout


def test_an_accepted_vulnerability_that_is_found_no_more_fails_the_audit(
    audit: Audit, database: Database
) -> None:
    done = audit.run(database.url, accepted='CVE-3 = "not called"\n')
    assert done.returncode == 1
    assert "accepted.toml: CVE-3 is found no more" in done.stdout


def test_a_database_that_is_not_there_is_an_error_of_its_own(audit: Audit) -> None:
    with socket.socket() as taken:  # bound, and not listening
        taken.bind(("127.0.0.1", 0))
        done = audit.run(f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert done.returncode == 2
    assert "nothing was audited" in done.stderr
    assert "refused" in done.stderr


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((200, "<html>log in first</html>"), "not an answer of OSV: '<html>log in first</html>'"),
        ((200, "{}"), "not an answer of OSV: '{}'"),
        ((200, '{"results": [{}]}'), "OSV gave 1 results for 5 packages"),
        ((503, ""), "503 Service Unavailable"),
    ],
)
def test_an_answer_that_cannot_be_used_is_an_error_of_its_own(
    audit: Audit, database: Database, answer: tuple[int, str], reason: str
) -> None:
    database.answer = answer
    done = audit.run(database.url)
    assert done.returncode == 2
    assert reason in done.stderr


def test_a_database_without_data_of_an_ecosystem_is_an_error_of_its_own(
    audit: Audit, database: Database
) -> None:
    del database.found[("Debian:14", "openssl", "1.0.1e-2")]
    done = audit.run(database.url)
    assert done.returncode == 2
    assert "OSV has no data of Debian:14" in done.stderr


def test_a_vulnerability_that_the_database_does_not_describe_is_an_error_of_its_own(
    audit: Audit, vulnerable: Database
) -> None:
    del vulnerable.vulnerabilities["CVE-2"]
    done = audit.run(vulnerable.url)
    assert done.returncode == 2
    assert "404 Not Found" in done.stderr
