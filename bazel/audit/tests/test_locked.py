"""What is locked, as a database of vulnerabilities is asked for it."""

from pathlib import Path

import pytest

from bazel.audit.locked import Package, UnknownSuiteError, debian, wheels

DIGEST = "5c" * 32
LOCK = f"""\
suite forky
snapshot 20261030T080801Z
amd64 libc6 2.43-7+b1 1866392 {DIGEST} pool/main/g/glibc/libc6_2.43-7+b1_amd64.deb
amd64 libc-bin 2.43-7 87884 {DIGEST} pool/main/g/glibc/libc-bin_2.43-7_amd64.deb
arm64 zlib1g 1:1.3-3 87884 {DIGEST} pool/main/z/zlib/zlib1g_1.3-3_arm64.deb
"""


def test_debian_packages_are_their_sources_each_once_without_the_number_of_a_rebuild() -> None:
    assert debian(LOCK) == [
        Package("Debian:14", "glibc", "2.43-7"),
        Package("Debian:14", "zlib", "1:1.3-3"),
    ]


def test_a_suite_without_a_number_is_refused() -> None:
    with pytest.raises(UnknownSuiteError, match="sid is not among"):
        debian(LOCK.replace("forky", "sid"))


def test_wheels_are_packages_of_pypi_without_their_extras() -> None:
    entries = ["one==1.0 \\\n   ", "sqlalchemy[asyncio]==2.1"]
    lock = "".join(f"{entry} --hash=sha256:{DIGEST}\n" for entry in entries)
    assert wheels(lock) == [Package("PyPI", "one", "1.0"), Package("PyPI", "sqlalchemy", "2.1")]


def test_the_locks_of_this_repository_can_be_audited() -> None:
    names = {each.name for each in wheels(Path("requirements_lock.txt").read_text())}
    assert {"grpcio", "sqlalchemy"} <= names
    sources = {each.name for each in debian(Path("bazel/image/packages.lock").read_text())}
    assert {"glibc", "openssl", "python3.14"} <= sources
