"""The flake, evaluated offline against a stand-in that knows only what nixpkgs was seen to have."""

import base64
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tools.nix.tests.workspace import NIX_CONFIG, ROOT, Workspace

DOCUMENT = (ROOT / "tools/nix/README.md").read_text()
BAZEL_VERSION = (ROOT / ".bazelversion").read_text().strip()

TOOLS = {
    f"bazel-{BAZEL_VERSION}",
    *("python314", "git", "nix", "chromium", "curl", "nghttp2", "nodejs_24", "openssl", "podman"),
    *("postgresql_18", "prometheus-cli", "shellcheck", "skopeo"),
}

DESCRIBE_SHELL = """shells: builtins.mapAttrs (_: systems: {
  tools = map (tool: tool.name) systems.default.nativeBuildInputs;
  bazel = let bazel = builtins.head systems.default.nativeBuildInputs; in {
    inherit (bazel) version runScript profile;
    bazelrc = (builtins.head bazel.contents).text;
  };
}) shells"""

LIST_ATTRIBUTES = """packages: map
  (name: { stdenv = "stdenv.cc.cc.lib"; prometheus = "prometheus.cli"; }.${name} or name)
  (builtins.attrNames packages)"""


class Evaluation(Workspace):
    """The flake with a Nix store of its own, in which nothing is built."""

    def nix(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs Nix with no more of this machine than its binary."""
        environment = {
            "HOME": str(self.home),
            "USER": "nobody",
            "NIX_CONF_DIR": str(self.folder),
            "NIX_USER_CONF_FILES": "",
            "NIX_STORE_DIR": str(self.folder / "store"),
            "NIX_STATE_DIR": str(self.folder / "state"),
            "NIX_LOG_DIR": str(self.folder / "log"),
            "NIX_CONFIG": NIX_CONFIG,
        }
        return subprocess.run(  # noqa: S603 - the toolchain's own binary
            [os.environ["NIX_BIN"], *arguments],
            env=environment,
            check=False,
            capture_output=True,
            text=True,
        )

    def check(self) -> subprocess.CompletedProcess[str]:
        """`nix flake check` of both systems, with the stand-in for nixpkgs."""
        arguments = ("flake", "check", "--no-build", "--all-systems", f"path:{self.flake}")
        return self.nix(*arguments, *self.overridden)

    def evaluate(self, installable: str, function: str, *options: str) -> Any:
        """What `function` makes of an output, as JSON knows it."""
        result = self.nix("eval", "--json", installable, "--apply", function, *options)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    def shells(self) -> Any:
        """The development shells by system, as DESCRIBE_SHELL describes them."""
        return self.evaluate(f"path:{self.flake}#devShells", DESCRIBE_SHELL, *self.overridden)

    def ingredients(self, system: str) -> dict[str, dict[str, str]]:
        """All that a system's shell is made of: the environments of its derivations, by name."""
        installable = f"path:{self.flake}#devShells.{system}.default"
        result = self.nix("derivation", "show", "--recursive", installable, *self.overridden)
        assert result.returncode == 0, result.stderr
        shown = json.loads(result.stdout)
        derivations = shown.get("derivations", shown)  # older Nix has no such level
        environments = [derivation["env"] for derivation in derivations.values()]
        return {environment["name"]: environment for environment in environments}


@pytest.fixture
def workspace(tmp_path: Path) -> Evaluation:
    return Evaluation.make(tmp_path)


def table(heading: str) -> dict[str, list[str]]:
    """The README's table under a heading: first column to the others, without back quotes."""
    section = DOCUMENT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.+) \|$", section, re.MULTILINE)
    cells = [row.replace("`", "").split(" | ") for row in rows]
    return {first: others for first, *others in cells}


def test_the_flake_evaluates_on_every_system(workspace: Evaluation) -> None:
    result = workspace.check()
    assert result.returncode == 0, result.stderr
    for system in table("Bazel's binaries"):
        assert f"devShells.{system}.default" in result.stderr


def test_the_shell_brings_every_tool(workspace: Evaluation) -> None:
    for shell in workspace.shells().values():
        assert set(shell["tools"]) == TOOLS


def test_bazel_is_the_version_that_the_workspace_asks_for(workspace: Evaluation) -> None:
    for shell in workspace.shells().values():
        assert shell["bazel"]["version"] == BAZEL_VERSION
        assert shell["bazel"]["runScript"].endswith("-bazel-binary/bin/bazel")


def test_bazel_is_fetched_by_the_documented_hash(workspace: Evaluation) -> None:
    for system, (file, sha256) in table("Bazel's binaries").items():
        download = workspace.ingredients(system)[file]
        assert download["sha256"] == sha256
        assert download["url"].endswith(f"/bazel/releases/download/{BAZEL_VERSION}/{file}")


def test_wheels_find_their_cxx_library_in_actions_and_under_bazel_run(
    workspace: Evaluation,
) -> None:
    for shell in workspace.shells().values():
        [setting] = re.findall(
            r"export (LD_LIBRARY_PATH=\S+-gcc-lib/lib) ", shell["bazel"]["profile"]
        )
        for option in ("action_env", "host_action_env"):
            assert f"build --{option}={setting}\n" in shell["bazel"]["bazelrc"]


def test_bazel_runs_on_the_jdk_of_nixpkgs(workspace: Evaluation) -> None:
    for shell in workspace.shells().values():
        startup = r"startup --server_javabase=\S+-jdk21_headless/lib/openjdk\n"
        assert re.search(startup, shell["bazel"]["bazelrc"])


@pytest.mark.parametrize(
    ("seen", "unseen"),
    [
        ("skopeo", "skopio"),
        ("nodejs_24", "nodejs_23"),
        ("gnupatch", "patch"),
        ("stdenv.cc.cc", "stdenv.cc.c"),
        ("prometheus.cli", "prometheus.client"),
        ("jdk21_headless", "jdk21_without_head"),
        ("dieWithParent", "diesWithParent"),
        ("runCommand", "runCommands"),
    ],
)
def test_what_nixpkgs_was_not_seen_to_have_is_refused(
    workspace: Evaluation, seen: str, unseen: str
) -> None:
    workspace.edit("flake.nix", seen, unseen)
    result = workspace.check()
    assert result.returncode != 0
    assert unseen in result.stderr


def test_the_stand_in_has_what_the_readme_lists_as_seen(workspace: Evaluation) -> None:
    for system in table("Bazel's binaries"):
        installable = f"{workspace.nixpkgs}#legacyPackages.{system}"
        attributes = workspace.evaluate(installable, LIST_ATTRIBUTES)
        assert sorted(attributes) == sorted(table("Attributes"))


def test_the_lock_is_the_documented_row() -> None:
    lock = json.loads((ROOT / "flake.lock").read_text())
    [(ref, (rev, modified, nar_hash))] = table("The lock").items()
    source = {"owner": "NixOS", "repo": "nixpkgs", "type": "github"}
    pin = {"rev": rev, "lastModified": int(modified), "narHash": nar_hash}
    assert lock == {
        "nodes": {
            "nixpkgs": {"locked": source | pin, "original": source | {"ref": ref}},
            "root": {"inputs": {"nixpkgs": "nixpkgs"}},
        },
        "root": "root",
        "version": 7,
    }
    assert re.fullmatch("[0-9a-f]{40}", rev)
    assert len(base64.b64decode(nar_hash.removeprefix("sha256-"), validate=True)) == 32


def test_the_lock_belongs_to_the_flake(workspace: Evaluation) -> None:
    arguments = ("flake", "metadata", "--json", "--no-update-lock-file", f"path:{workspace.flake}")
    result = workspace.nix(*arguments)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["locks"] == json.loads((ROOT / "flake.lock").read_text())

    workspace.edit("flake.nix", "nixos-26.05", "nixos-25.11")
    assert workspace.nix(*arguments).returncode != 0
