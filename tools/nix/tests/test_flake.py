"""The flake, evaluated offline against a stand-in that knows only what nixpkgs was seen to have."""

import base64
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "tools/nix/README.md").read_text()
BAZEL_VERSION = (ROOT / ".bazelversion").read_text().strip()

TOOLS = {
    f"bazel-{BAZEL_VERSION}",
    *("python314", "jdk21_headless", "git", "cacert", "curl", "nix", "nodejs_24", "openssl"),
    *("buf", "bazel-buildtools", "shellcheck", "postgresql_18", "nghttp2"),
    *("skopeo", "podman", "crun", "conmon", "netavark", "catatonit", "chromium"),
    "prometheus-cli",
}

NIX_CONFIG = """
experimental-features = nix-command flakes
substituters =
flake-registry =
build-users-group =
sandbox = false
"""

DESCRIBE_SHELL = """shells: builtins.mapAttrs (_: systems: {
  tools = map (tool: tool.name) systems.default.nativeBuildInputs;
  java_home = systems.default.JAVA_HOME;
  bazel = let bazel = builtins.head systems.default.nativeBuildInputs; in {
    inherit (bazel) version runScript profile;
    bazelrc = (builtins.head bazel.contents).text;
  };
}) shells"""

LIST_ATTRIBUTES = """packages: map
  (name: { stdenv = "stdenv.cc.cc.lib"; prometheus = "prometheus.cli"; }.${name} or name)
  (builtins.attrNames packages)"""


@dataclass(frozen=True)
class Workspace:
    """A copy of the flake, with the stand-in and a Nix store of its own beside it."""

    folder: Path

    @property
    def flake(self) -> Path:
        return self.folder / "flake"

    @property
    def nixpkgs(self) -> str:
        return f"path:{self.folder / 'nixpkgs'}"

    @property
    def overridden(self) -> tuple[str, ...]:
        return ("--no-write-lock-file", "--override-input", "nixpkgs", self.nixpkgs)

    def nix(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs Nix with no more of this machine than its binary."""
        environment = {
            "HOME": str(self.folder / "home"),
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

    def edit(self, name: str, old: str, new: str) -> None:
        """Replaces `old`, which must be there, in a file of the flake."""
        file = self.flake / name
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Files, not links: Nix takes a flake's folder as it is, and runfiles are links."""
    for folder in ("flake", "nixpkgs", "home"):
        (tmp_path / folder).mkdir()
    for name in ("flake.nix", "flake.lock", ".bazelversion"):
        shutil.copyfile(ROOT / name, tmp_path / "flake" / name)
    for name in ("flake.nix", "packages.nix"):
        shutil.copyfile(ROOT / "tools/nix/nixpkgs" / name, tmp_path / "nixpkgs" / name)
    return Workspace(tmp_path)


def table(heading: str) -> dict[str, list[str]]:
    """The README's table under a heading: first column to the others, without back quotes."""
    section = DOCUMENT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.+) \|$", section, re.MULTILINE)
    cells = [row.replace("`", "").split(" | ") for row in rows]
    return {first: others for first, *others in cells}


def test_the_flake_evaluates_on_every_system(workspace: Workspace) -> None:
    result = workspace.check()
    assert result.returncode == 0, result.stderr
    for system in table("Bazel's binaries"):
        assert f"devShells.{system}.default" in result.stderr


def test_the_shell_brings_every_tool(workspace: Workspace) -> None:
    for shell in workspace.shells().values():
        assert set(shell["tools"]) == TOOLS


def test_bazel_is_the_version_that_the_workspace_asks_for(workspace: Workspace) -> None:
    for shell in workspace.shells().values():
        assert shell["bazel"]["version"] == BAZEL_VERSION
        assert shell["bazel"]["runScript"].endswith("-bazel-binary/bin/bazel")


def test_bazel_is_fetched_by_the_documented_hash(workspace: Workspace) -> None:
    for system, (file, sha256) in table("Bazel's binaries").items():
        download = workspace.ingredients(system)[file]
        assert download["outputHash"] == sha256
        assert download["url"].endswith(f"/bazel/releases/download/{BAZEL_VERSION}/{file}")


def test_wheels_find_their_cxx_library_in_actions_and_under_bazel_run(workspace: Workspace) -> None:
    for shell in workspace.shells().values():
        bazel = shell["bazel"]
        match = re.fullmatch(r"export (LD_LIBRARY_PATH=\S+-gcc-lib/lib)", bazel["profile"])
        assert match
        for option in ("action_env", "host_action_env"):
            assert f"build --{option}={match[1]}\n" in bazel["bazelrc"]


def test_bazel_and_the_shell_agree_on_the_jdk(workspace: Workspace) -> None:
    for shell in workspace.shells().values():
        assert f"startup --server_javabase={shell['java_home']}\n" in shell["bazel"]["bazelrc"]


@pytest.mark.parametrize(
    ("seen", "unseen"),
    [
        ("catatonit", "catatonite"),
        ("bazel-buildtools", "buildifier"),
        ("gnupatch", "patch"),
        ("stdenv.cc.cc", "stdenv.cc.c"),
        ("prometheus.cli", "prometheus.client"),
        ("jdk21_headless", "jdk21_without_head"),
        ("dieWithParent", "diesWithParent"),
        ("runCommand", "runCommands"),
    ],
)
def test_what_nixpkgs_was_not_seen_to_have_is_refused(
    workspace: Workspace, seen: str, unseen: str
) -> None:
    workspace.edit("flake.nix", seen, unseen)
    result = workspace.check()
    assert result.returncode != 0
    assert unseen in result.stderr


def test_the_stand_in_has_what_the_readme_lists_as_seen(workspace: Workspace) -> None:
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


def test_the_lock_belongs_to_the_flake(workspace: Workspace) -> None:
    arguments = ("flake", "metadata", "--json", "--no-update-lock-file", f"path:{workspace.flake}")
    result = workspace.nix(*arguments)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["locks"] == json.loads((ROOT / "flake.lock").read_text())

    workspace.edit("flake.nix", "nixos-26.05", "nixos-25.11")
    assert workspace.nix(*arguments).returncode != 0
