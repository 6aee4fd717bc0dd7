"""A copy of the flake with the stand-in for nixpkgs beside it, and how Nix is called with them."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[3]

# No network, no users to build as, and no sandbox: what is built are links.
NIX_CONFIG = """
experimental-features = nix-command flakes
substituters =
flake-registry =
build-users-group =
sandbox = false
"""


@dataclass(frozen=True)
class Workspace:
    """Files, not links: Nix takes a flake's folder as it is, and runfiles are links."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Self:
        """Copy the files into an empty folder."""
        workspace = cls(folder)
        for name in ("flake", "nixpkgs", "home"):
            (folder / name).mkdir()
        for name in ("flake.nix", "flake.lock", ".bazelversion"):
            shutil.copyfile(ROOT / name, workspace.flake / name)
        for file in (ROOT / "tools/nix/nixpkgs").glob("*.*"):
            shutil.copyfile(file, folder / "nixpkgs" / file.name)
        return workspace

    @property
    def flake(self) -> Path:
        return self.folder / "flake"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def nixpkgs(self) -> str:
        return f"path:{self.folder / 'nixpkgs'}"

    @property
    def overridden(self) -> tuple[str, ...]:
        """The options that put the stand-in in place of nixpkgs."""
        return ("--no-write-lock-file", "--override-input", "nixpkgs", self.nixpkgs)

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace `old`, which must be there, in a file of the flake."""
        file = self.flake / name
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))
