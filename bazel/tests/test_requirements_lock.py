"""requirements_lock.txt says exactly what requirements.in asks for, and every wheel by its hash."""

import os
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def entries(text: str) -> list[str]:
    joined = text.replace("\\\n", " ")
    return [
        line for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]


@pytest.fixture
def lock() -> str:
    return Path(os.environ["LOCK"]).read_text()


@pytest.fixture
def locked(lock: str) -> dict[str, str]:
    pairs = (entry.split()[0].partition("==") for entry in entries(lock))
    return {canonicalize_name(re.sub(r"\[.*\]", "", name)): version for name, _, version in pairs}


def test_every_requirement_is_locked_at_a_version_that_it_allows(locked: dict[str, str]) -> None:
    wanted = [Requirement(line) for line in entries(Path(os.environ["REQUIREMENTS"]).read_text())]
    assert wanted
    for requirement in wanted:
        version = locked[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement} is locked at {version}"


def test_every_locked_package_has_a_hash(lock: str) -> None:
    assert [entry for entry in entries(lock) if "--hash=sha256:" not in entry] == []


def test_the_lock_names_no_index(lock: str) -> None:
    assert "://" not in lock


def test_the_generator_and_the_runtime_are_of_one_release(locked: dict[str, str]) -> None:
    assert locked["grpcio-tools"] == locked["grpcio"] == locked["grpcio-status"]
