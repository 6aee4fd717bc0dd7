"""How a process begins and ends."""

import sys
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import uvloop


class StartError(Exception):
    """The process cannot start; the text says why and names the flag to change."""


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a program on uvloop. A StartError, in a group or not, ends it with its text and 1."""
    reasons: list[str] = []
    try:
        uvloop.run(main)
    except* StartError as group:
        reasons = [str(error) for error in _leaves(group)]
    if reasons:
        sys.exit("\n".join(f"{Path(sys.argv[0]).stem}: {reason}" for reason in reasons))


def _leaves(group: BaseExceptionGroup[StartError]) -> Iterator[StartError]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
