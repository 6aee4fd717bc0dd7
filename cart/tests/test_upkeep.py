from datetime import timedelta

from cart.model import Request
from cart.store.store import Store
from cart.tests.examples import draft, priced
from runtime.upkeep import purge_old

DAY = timedelta(days=1) // timedelta(microseconds=1)


async def test_requests_and_batches_are_forgotten_once_they_are_old_enough(store: Store) -> None:
    for number in range(3):
        request = Request(f"6f1e9b8e-4d0c-4d8e-9a59-0c3f6a2b7d1{number}", b"digest")
        await store.create(f"o{number}", priced(), request, number * DAY)
        await store.add(f"o{number}", Request("b", b""), priced(draft()), number * DAY)
    assert await purge_old(store, 30 * DAY) == 0
    assert await purge_old(store, 32 * DAY) == 4
    assert await store.recall_batch("o1", Request("b", b"")) is None
    assert await store.recall_batch("o2", Request("b", b"")) is not None
