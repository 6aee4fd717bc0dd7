import asyncio

import pytest
from prometheus_client import REGISTRY

from cart.store.gauges import gauge_for_ever
from cart.store.store import Store
from cart.tests.examples import draft, priced

NOW = 1_700_000_000_000_000
CURRENCIES = ("EUR", "JPY")


def shown() -> list[float | None]:
    value = REGISTRY.get_sample_value
    return [value("bodega_cart_carts"), value("bodega_cart_lines")] + [
        value("bodega_cart_value_minor", {"currency": each}) for each in CURRENCIES
    ]


async def test_the_gauges_follow_the_carts_of_every_page_by_currency(store: Store) -> None:
    async def look() -> list[float | None]:
        async def wait(_seconds: float) -> None:
            raise asyncio.CancelledError

        with pytest.raises(asyncio.CancelledError):
            await gauge_for_ever(store.page, wait)
        return shown()

    for number in range(60):
        line = draft(0, 1, 2, list_minor=500, discount_minor=100)
        await store.create(f"ann-{number:02}", priced(line), None, NOW)
    yen = [draft(place, 1 + place, 1, list_minor=30, currency="JPY") for place in range(2)]
    await store.create("bob", priced(*yen), None, NOW)
    await store.create("eve", priced(), None, NOW)
    assert await look() == [62, 62, 60 * 2 * 400, 60]


async def test_a_currency_that_no_cart_has_any_more_is_shown_as_nothing(store: Store) -> None:
    seen: list[list[float | None]] = []

    async def wait(_seconds: float) -> None:
        seen.append(shown())
        if len(seen) == 2:
            raise asyncio.CancelledError
        await store.delete("ann", None)

    await store.create("ann", priced(draft(list_minor=70, discount_minor=0)), None, NOW)
    with pytest.raises(asyncio.CancelledError):
        await gauge_for_ever(store.page, wait)
    assert [each[:3] for each in seen] == [[1, 1, 70], [0, 0, 0]]
