from datetime import timedelta

from product.model import CreateRequest
from product.store.store import Store
from product.tests.examples import draft
from runtime.upkeep import purge_old

DAY = timedelta(days=1) // timedelta(microseconds=1)


async def test_requests_are_forgotten_once_they_are_old_enough(store: Store) -> None:
    for number in range(3):
        request = CreateRequest(f"6f1e9b8e-4d0c-4d8e-9a59-0c3f6a2b7d1{number}", b"digest")
        await store.create(draft(f"A{number}"), request, number * DAY)
    assert await purge_old(store, 30 * DAY) == 0
    assert await purge_old(store, 32 * DAY) == 2
