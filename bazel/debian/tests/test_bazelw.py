"""What bazelw says where it cannot work, and what it hands to a Bazel that is on PATH."""

import os
import subprocess
from pathlib import Path

import pytest

BAZEL = """#!/bin/sh
case $1 in
  --version) echo "bazel $VERSION" ;;
  *) umask && printf '%s\\n' "$@" ;;
esac
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A machine with a Bazel of the right version, and a cache folder."""
    program = tmp_path / "bin" / "bazel"
    program.parent.mkdir()
    program.write_text(BAZEL)
    program.chmod(0o755)
    version = Path(".bazelversion").read_text().strip()
    path = f"{program.parent}:{os.environ['PATH']}:/usr/bin:/bin"
    return {"PATH": path, "VERSION": version, "BODEGA_CACHE": str(tmp_path / "the cache")}


def bazelw(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603
        ["/bin/bash", "bazelw", *arguments],
        capture_output=True,
        check=False,
        env=environment,
        text=True,
    )


def test_a_bazel_on_path_gets_the_cache_folder_and_the_arguments(
    environment: dict[str, str],
) -> None:
    done = bazelw(environment | {"BODEGA_TOOLCHAIN": "path"}, "test", "//product/...")
    cache = environment["BODEGA_CACHE"]
    expected = ["0022", f"--bazelrc={cache}/bazelrc", "test", "//product/..."]
    assert done.stdout.splitlines() == expected
    settings = Path(cache, "bazelrc").read_text()
    assert settings.startswith(f'common "--disk_cache={cache}/disk"')
    assert f'common "--repository_cache={cache}/bazel/cache/repos/v1"' in settings


def test_the_umask_of_the_caller_reaches_no_action(environment: dict[str, str]) -> None:
    before = os.umask(0o077)
    try:
        done = bazelw(environment | {"BODEGA_TOOLCHAIN": "path"}, "build")
    finally:
        os.umask(before)
    assert done.stdout.splitlines()[0] == "0022"
    assert Path(environment["BODEGA_CACHE"]).stat().st_mode & 0o777 == 0o700


def test_without_a_home_the_message_names_the_variable(environment: dict[str, str]) -> None:
    del environment["BODEGA_CACHE"]
    done = bazelw(environment, "build")
    assert done.returncode == 1
    assert "HOME is not set" in done.stderr
    assert "BODEGA_CACHE=FOLDER" in done.stderr


def test_with_a_home_the_cache_is_below_it(environment: dict[str, str], tmp_path: Path) -> None:
    del environment["BODEGA_CACHE"]
    home = {"BODEGA_TOOLCHAIN": "path", "HOME": str(tmp_path / "home")}
    done = bazelw(environment | home, "build")
    assert f"--bazelrc={tmp_path}/home/.cache/bodega/bazelrc" in done.stdout


def test_where_the_cache_cannot_be_written_the_message_names_the_variable(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir(mode=0o500)
    done = bazelw(environment | {"BODEGA_CACHE": str(tmp_path / "home/cache")}, "build")
    assert done.returncode == 1
    assert f"{tmp_path}/home/cache cannot be written to" in done.stderr
    assert "BODEGA_CACHE=FOLDER" in done.stderr


def test_an_unknown_supplier_is_refused(environment: dict[str, str]) -> None:
    done = bazelw(environment | {"BODEGA_TOOLCHAIN": "docker"}, "build")
    assert done.returncode == 2
    assert "not 'docker'" in done.stderr
