import asyncio
from datetime import timedelta
from sqlite3 import DatabaseError

import pytest

from product.model import CreateRequest
from product.store import Store
from product.tests.examples import draft
from product.upkeep import EVERY, KEPT, purge_for_ever, purge_old
from runtime.clock import Micros
from runtime.errors import Unavailable

DAY = timedelta(days=1) // timedelta(microseconds=1)


async def test_requests_are_kept_for_thirty_days(store: Store) -> None:
    for number in range(3):
        request = CreateRequest(f"6f1e9b8e-4d0c-4d8e-9a59-0c3f6a2b7d1{number}", b"digest")
        await store.create(draft(f"A{number}"), request, number * DAY)
    assert await purge_old(store, 30 * DAY) == 0
    assert await purge_old(store, 32 * DAY) == 2
    assert timedelta(days=30) == KEPT


@pytest.mark.parametrize(
    "error", [Unavailable("away", reason="DATABASE_AWAY"), DatabaseError("malformed")]
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
