"""The locks of the Debian root have all that its lists name, for both architectures."""

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

FOLDER = Path("bazel/debian")
IMAGES = Path("bazel/image/packages.lock")
ARCHITECTURES = ("amd64", "arm64")


class Package(NamedTuple):
    """A line of a lock."""

    architecture: str
    name: str
    version: str
    size: str
    sha256: str
    path: str


def listed(path: Path) -> list[str]:
    lines = (line.partition("#")[0].split() for line in path.read_text().splitlines())
    return [words[0] for words in lines if words]


def settings(lock: Path) -> dict[str, str]:
    lines = lock.read_text().splitlines()
    words = [line.split() for line in lines if not line.startswith("#")]
    return dict(pair for pair in words if len(pair) == 2)


def locked(part: str) -> list[Package]:
    lines = (FOLDER / f"{part}.lock").read_text().splitlines()
    words = [line.split() for line in lines if not line.startswith("#")]
    return [Package(*line) for line in words if len(line) != 2]


def names(part: str, architecture: str) -> set[str]:
    return {package.name for package in locked(part) if package.architecture == architecture}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("part", ["build", "test"])
def test_every_listed_package_is_locked(part: str, architecture: str) -> None:
    assert set(listed(FOLDER / f"{part}_packages.txt")) <= names("build", architecture) | names(
        part, architecture
    )


@pytest.mark.parametrize("part", ["build", "test"])
def test_each_package_is_locked_by_version_and_hash(part: str) -> None:
    assert locked(part)
    for package in locked(part):
        assert package.architecture in ARCHITECTURES
        assert re.fullmatch(r"[0-9a-f]{64}", package.sha256)
        assert int(package.size) > 0
        file = f"{package.name}_{package.version.rpartition(':')[2]}_"
        assert Path(package.path).name.startswith(file)
        assert package.path.startswith("pool/main/")


def test_no_package_is_locked_twice() -> None:
    everything = locked("build") + locked("test")
    times = Counter((package.architecture, package.name) for package in everything)
    assert not [package for package, n in times.items() if n > 1]


def test_all_locks_are_of_one_state_of_the_mirror() -> None:
    found = settings(FOLDER / "build.lock")
    assert found == settings(FOLDER / "test.lock") == settings(IMAGES)
    assert re.fullmatch(r"\d{8}T\d{6}Z", found["snapshot"])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_substitute_takes_the_place_of_a_package(architecture: str) -> None:
    substitutes = set(listed(FOLDER / "substitutes.txt"))
    assert substitutes
    assert not substitutes & (names("build", architecture) | names("test", architecture))
