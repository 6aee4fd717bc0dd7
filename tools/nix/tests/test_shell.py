"""`nix develop`, entered with the stand-in for nixpkgs: builds and tests as in the Debian root."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tools.nix.tests.workspace import NIX_CONFIG, ROOT, Workspace

SOURCES = (ROOT / "flake.nix").resolve().parent
TESTS = [
    "//bazel:hermetic_test",
    "//bazel/image:image_test",
    "//discount:discount_test",
    "//e2e:images_test",
]
IMAGES = {label: Path(path) for label, path in json.loads(os.environ["IMAGES"]).items()}

# Of the machine: Bazel's caches, and the mirror that packages of images are fetched from.
MACHINE = ("BODEGA_CACHE", "BODEGA_DEBIAN_MIRROR")


@dataclass(frozen=True)
class Shell:
    """The development shell over the sources as they are, with a Nix store of its own."""

    workspace: Workspace

    def run(self, *command: str) -> str:
        """Run a program in the shell, in namespaces that end with it, and return what it prints.

        There a folder of the test's is /nix, and the programs of the Debian root are below it too.
        """
        folder = self.workspace.folder
        programs = f"/nix/usr/{Path('/etc/bodega-test-tools').read_text()[:16]}"
        done = subprocess.run(  # noqa: S603
            [
                *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
                *(sys.executable, "-SI", str(folder / "nixpkgs/bwrap.py"), "--dev-bind", "/", "/"),
                *("--bind", str(folder / "nix"), "/nix", "--bind", "/usr", programs),
                *("--chdir", str(SOURCES), "--", os.environ["NIX_BIN"], "develop"),
                *self.workspace.overridden,
                *(f"path:{self.workspace.flake}", "--command", *command),
            ],
            check=False,
            env={
                "HOME": str(self.workspace.home),
                "NIX_CONFIG": NIX_CONFIG,
                "PATH": "/usr/bin:/usr/sbin",
                "USER": "nobody",
                **{name: os.environ[name] for name in MACHINE if name in os.environ},
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return done.stdout


@dataclass(frozen=True)
class Build:
    """What one call of Bazel came to."""

    printed: str
    verdicts: dict[str, str]
    outputs: Path


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    workspace = Workspace.make(tmp_path_factory.mktemp("workspace"))
    (workspace.folder / "nix").mkdir()
    yield Shell(workspace)
    shutil.rmtree(workspace.folder)


@pytest.fixture(scope="module")
def build(shell: Shell) -> Build:
    events = shell.workspace.folder / "events"
    links = shell.workspace.folder / "bazel-"
    printed = shell.run(
        *("./bazelw", "test", "--config=ci", f"--symlink_prefix={links}"),
        *(f"--build_event_json_file={events}", "--nocache_test_results", *TESTS, *IMAGES),
    )
    assert events.exists(), printed
    summaries = [
        event
        for event in map(json.loads, events.read_text().splitlines())
        if "testSummary" in event["id"]
    ]
    verdicts = {
        event["id"]["testSummary"]["label"]: event["testSummary"]["overallStatus"]
        for event in summaries
    }
    return Build(printed, verdicts, Path(f"{links}bin"))


@pytest.mark.parametrize("test", TESTS)
def test_in_the_shell_a_test_passes(build: Build, test: str) -> None:
    assert build.verdicts.get(test) == "PASSED", build.printed


@pytest.mark.parametrize("image", IMAGES)
def test_in_the_shell_an_image_has_the_bytes_that_the_debian_root_gives(
    build: Build, image: str
) -> None:
    index = build.outputs / image.removeprefix("//").replace(":", "/") / "index.json"
    assert index.exists(), build.printed
    assert index.read_bytes() == (IMAGES[image] / "index.json").read_bytes()


def test_a_tool_of_another_major_version_says_which_is_wanted(shell: Shell, tmp_path: Path) -> None:
    podman = tmp_path / "podman"
    podman.write_text("#!/bin/sh\necho podman version 4.9.3\n")
    podman.chmod(0o755)
    run = 'PATH="$1:$PATH" ./bazelw run --symlink_prefix=/ @toolchain//:podman'
    printed = shell.run("bash", "-c", run, "bash", str(tmp_path))
    wanted = "(wanted 'podman version 5 or 6', found 'podman version 4.9.3')"
    assert f"{podman} is not the right version {wanted}" in printed
