"""tools/bazel, called as Bazelisk calls it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'#!/bin/sh\necho {text} "$@"\n')
    path.chmod(0o755)
    return path


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    workspace = tmp_path / "a workspace"
    program(workspace / "bazelw", "bazelw")
    program(workspace / "real", "real bazel")
    (workspace / "tools").mkdir()
    shutil.copy(os.environ["TOOLS_BAZEL"], workspace / "tools" / "bazel")
    return workspace


def run(workspace: Path, **env: str) -> str:
    done = subprocess.run(  # noqa: S603
        [workspace / "tools" / "bazel", "build", "a b"],
        capture_output=True,
        check=True,
        env={"PATH": os.defpath, "BAZEL_REAL": str(workspace / "real"), **env},
        text=True,
    )
    return done.stdout


def test_bazelisk_outside_of_bazelw_runs_bazelw(workspace: Path) -> None:
    assert run(workspace) == "bazelw build a b\n"


def test_bazelisk_inside_of_bazelw_runs_the_real_bazel(workspace: Path) -> None:
    assert run(workspace, BODEGA_IN_BAZELW="1") == "real bazel build a b\n"


def test_bazelw_tells_the_bazel_on_path_that_it_was_called(workspace: Path) -> None:
    shutil.copy(os.environ["BAZELW"], workspace / "bazelw")
    shutil.copytree("bazel/debian", workspace / "bazel" / "debian")
    (workspace / ".bazelversion").write_text("7.7.1\n")
    path = program(workspace / "path" / "bazel", "inside=$BODEGA_IN_BAZELW").parent
    done = subprocess.run(  # noqa: S603
        [workspace / "bazelw", "info"],
        capture_output=True,
        check=True,
        env={
            "BODEGA_CACHE": str(workspace / "cache"),
            "BODEGA_TOOLCHAIN": "path",
            "PATH": f"{path}:{os.defpath}",
        },
        text=True,
    )
    assert done.stdout == f"inside=1 --bazelrc={workspace}/cache/bazelrc info\n"
