"""How a process begins and ends."""

import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import uvloop


class StartError(Exception):
    """The process cannot start; the text says why and names the flag to change."""


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a program on uvloop. A StartError ends it with its text and exit code 1."""
    try:
        uvloop.run(main)
    except StartError as error:
        sys.exit(f"{Path(sys.argv[0]).stem}: {error}")
