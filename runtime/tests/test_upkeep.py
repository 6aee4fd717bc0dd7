import asyncio
from datetime import timedelta
from sqlite3 import DatabaseError

import pytest

from runtime.clock import Micros
from runtime.errors import Unavailable
from runtime.reason import Reason
from runtime.upkeep import EVERY, KEPT, purge_for_ever

DAY = timedelta(days=1) // timedelta(microseconds=1)


def test_requests_are_kept_for_thirty_days() -> None:
    assert timedelta(days=30) == KEPT


@pytest.mark.parametrize(
    "error", [Unavailable("away", reason=Reason.DATABASE_AWAY), DatabaseError("malformed")]
)
async def test_a_database_that_fails_is_asked_again_later(error: Exception) -> None:
    asked: list[Micros] = []
    waited: list[float] = []

    class Away:
        async def purge(self, before: Micros, limit: int) -> int:  # noqa: ARG002  (the protocol's)
            asked.append(before)
            raise error

    async def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await purge_for_ever(Away(), lambda: 31 * DAY, wait)
    assert asked == [DAY] * 3
    assert waited == [EVERY.total_seconds()] * 3
