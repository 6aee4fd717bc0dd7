"""Where the parts' programs are."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tools.shop.errors import CannotStartError
from tools.shop.part import Part

# Set by the stub of the shop's own py_binary; another binary's imports would be mixed with ours.
_OURS = frozenset({"PYTHONPATH", "PYTHONSAFEPATH", "RUNFILES_DIR", "RUNFILES_MANIFEST_FILE"})


@dataclass(frozen=True, slots=True)
class Program:
    """A command without its flags, and its environment."""

    command: Sequence[str]
    env: Mapping[str, str]


class Programs(Protocol):
    """Finds the program of a part."""

    def __call__(self, part: Part, /) -> Program:
        """Return it, or raise CannotStartError."""


def from_runfiles(part: Part) -> Program:
    """Find the binary that Bazel built, in the runfiles that this very module is read from."""
    path = Path(__file__).absolute().parents[2] / part.binary
    if not os.access(path, os.X_OK) or path.is_dir():
        raise CannotStartError(f"{path} is not there: start the shop with `bazel run //:shop`")
    return Program([str(path)], {k: v for k, v in os.environ.items() if k not in _OURS})


def from_source(part: Part) -> Program:
    """Run the part's module with this interpreter and its import path."""
    return Program([sys.executable, "-m", part.binary.replace("/", ".")], os.environ)
