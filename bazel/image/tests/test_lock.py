"""packages.lock says exactly what base_packages.txt and tool_packages.txt ask for."""

import os
import re
from pathlib import Path

import pytest

from bazel.deb.lock import Lock, names, parse_lock


@pytest.fixture
def text() -> str:
    return Path(os.environ["LOCK"]).read_text()


@pytest.fixture
def lock(text: str) -> Lock:
    return parse_lock(text)


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_every_package_is_locked_for_each_architecture_and_no_other_is(
    lock: Lock, architecture: str
) -> None:
    listings = (Path(os.environ[name]).read_text() for name in ("PACKAGES", "TOOL_PACKAGES"))
    wanted = sorted(name for listing in listings for name in names(listing))
    assert [p.name for p in lock.packages if p.architecture == architecture] == wanted


def test_every_package_has_a_hash_and_a_path_below_any_mirror(lock: Lock) -> None:
    for package in lock.packages:
        assert re.fullmatch("[0-9a-f]{64}", package.sha256)
        assert package.path.startswith("pool/main/")
        assert package.size > 0


def test_the_interpreter_is_of_one_version_for_all_architectures(lock: Lock) -> None:
    versions = {p.version for p in lock.packages if "python3.14" in p.name}
    assert len(versions) == 1


def test_the_lock_names_no_mirror(text: str) -> None:
    assert "://" not in text
