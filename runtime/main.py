"""How a process begins and ends."""

import asyncio
import signal
import sys
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import uvloop

from runtime.logs import get_logger

log = get_logger(__name__)


class StartError(Exception):
    """The process cannot start; the text says why and names the flag to change."""


def run(main: Coroutine[Any, Any, None], program: str | None = None) -> None:
    """Run a program on uvloop. A StartError, in a group or not, ends it with its text and 1.

    `program` is the name that its user knows it by; None takes that of its file. SIGHUP ends no
    program: it is logged, unless the program itself does something with it.
    """
    reasons: list[str] = []
    try:
        uvloop.run(_through_hangups(main))
    except* StartError as group:
        reasons = [str(error) for error in _leaves(group)]
    if reasons:
        name = program or Path(sys.argv[0]).stem
        sys.exit("\n".join(f"{name}: {reason}" for reason in reasons))


async def _through_hangups(main: Coroutine[Any, Any, None]) -> None:
    asyncio.get_running_loop().add_signal_handler(
        signal.SIGHUP, lambda: log.info("nothing to reload", signal="SIGHUP")
    )
    await main


def _leaves(group: BaseExceptionGroup[StartError]) -> Iterator[StartError]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
