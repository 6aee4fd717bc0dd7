"""Forgets requests and batches once their retries are no longer promised to be harmless."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Protocol

from runtime.clock import Micros
from runtime.failure import report
from runtime.logs import get_logger

KEPT = timedelta(days=30)
EVERY = timedelta(hours=1)
# One transaction; small, because other writes wait behind it.
_LIMIT = 500

log = get_logger(__name__)


class Purges(Protocol):
    """What the upkeep needs of a store."""

    async def purge(self, before: Micros, limit: int) -> int:
        """Forget up to `limit` requests, and batches, that are older; return how many."""
        ...


async def purge_old(store: Purges, now: Micros) -> int:
    """Forget all that is old enough; return how many requests and batches that were."""
    before = now - KEPT // timedelta(microseconds=1)
    total = 0
    while purged := await store.purge(before, _LIMIT):
        total += purged
    return total


async def purge_for_ever(
    store: Purges,
    clock: Callable[[], Micros],
    wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Forget what is old now and every hour."""
    while True:
        try:
            purged = await purge_old(store, clock())
            if purged:
                log.info("forgot old requests and batches", count=purged)
        except Exception as error:  # noqa: BLE001 (the next hour may be better)
            report(log, "could not forget old requests and batches", error)
        await wait(EVERY.total_seconds())
