"""Forgets what has expired, a few rows at a time, for as long as the server runs."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial

from sqlalchemy import Connection, Table, delete, select, tuple_

from identity.tables import (
    authorization_codes,
    device_codes,
    grants,
    pushed_requests,
    refresh_tokens,
    revoked_access_tokens,
    used_jtis,
)
from runtime.clock import SECOND, Clock, Micros, now_micros
from runtime.database import Database
from runtime.errors import Transient
from runtime.logs import get_logger

EVERY = timedelta(minutes=1)

# One transaction; small, because other writes wait behind it.
_LIMIT = 500

# How long each is kept after it has expired. A code that comes back is known for one that was used.
_KEPT: dict[Table, Micros] = {
    authorization_codes: 86_400 * SECOND,
    refresh_tokens: 0,
    revoked_access_tokens: 0,
    # An honest device may ask once more, and is told that it is too late.
    device_codes: 600 * SECOND,
    pushed_requests: 0,
    used_jtis: 0,
    grants: 0,
}

# Forgets up to so many; returns how many it did.
type Purge = Callable[[int], Awaitable[int]]

log = get_logger(__name__)


def purges_of_expired(database: Database, clock: Clock = now_micros) -> list[Purge]:
    """Return what forgets the expired rows of the protocol's tables."""

    async def purge(limit: int, *, table: Table, kept: Micros) -> int:
        before = clock() - kept
        return await database.write(
            partial(_purge_expired, table=table, before=before, limit=limit)
        )

    return [partial(purge, table=table, kept=kept) for table, kept in _KEPT.items()]


async def purge_all(purges: Sequence[Purge]) -> int:
    """Forget all that is to be forgotten now; return how many rows that was."""
    total = 0
    for purge in purges:
        while purged := await purge(_LIMIT):
            total += purged
    return total


async def purge_for_ever(
    purges: Sequence[Purge], wait: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Forget what has expired, now and every minute."""
    while True:
        try:
            await purge_all(purges)
        except Transient as error:
            log.warning("could not forget what has expired", error=error.message)
        except Exception:
            log.exception("could not forget what has expired")
        await wait(EVERY.total_seconds())


def _purge_expired(connection: Connection, table: Table, before: Micros, limit: int) -> int:
    key = tuple_(*table.primary_key.columns)
    some = select(*table.primary_key.columns).where(table.c.expire_time <= before).limit(limit)
    return connection.execute(delete(table).where(key.in_(some))).rowcount
