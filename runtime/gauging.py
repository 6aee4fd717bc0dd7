"""Gauges of what a database holds, whichever replica wrote it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from time import perf_counter
from typing import TYPE_CHECKING

from runtime.failure import report

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

EVERY = timedelta(seconds=5)
# Of the time; a look that is long comes more rarely.
_MOST = 0.05

type Wait = Callable[[float], Awaitable[None]]


async def gauge_for_ever(
    look: Callable[[], Awaitable[None]],
    log: FilteringBoundLogger,
    event: str,
    wait: Wait = asyncio.sleep,
    clock: Callable[[], float] = perf_counter,
) -> None:
    """Look now and every five seconds; what a look that fails had set stays, and is logged once."""
    is_failing = False
    while True:
        begin = clock()
        try:
            await look()
        except Exception as error:  # noqa: BLE001 (the next look may be better)
            if not is_failing:
                report(log, event, error)
            is_failing = True
        else:
            is_failing = False
        await wait(max(EVERY.total_seconds(), (clock() - begin) / _MOST))
