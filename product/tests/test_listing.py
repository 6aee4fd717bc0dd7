"""Listings on real SQLite and real PostgreSQL."""

import itertools

import pytest
from sqlalchemy import Connection, text

from product.model import EVERYTHING, Batch, Draft, Filter, Key, Listing, Order, Product
from product.store import listing as listing_module
from product.store.store import Store
from product.tests.examples import draft, key_in, unpack
from runtime.database import Database

NAMES = ["tea", "Tea", "tea pot", "100% tea", "tea_bag", "Ärger", "ärger", "a/b", "茶"]


async def fill(store: Store, drafts: list[Draft]) -> list[Product]:
    await store.import_batch(Batch("fill", b"rows", drafts, []), 1)
    changes = (await store.changes(0, 0, 10_000)).changes
    return [unpack(each.message) for each in changes if each.message]


def drafts(count: int) -> list[Draft]:
    """Return products that share names, prices and statuses, so that ties must be broken."""
    return [
        draft(
            f"S{number:03}",
            name=NAMES[number % len(NAMES)],
            price_minor=number % 7,
            currency=("EUR", "JPY", "USD")[number % 3],
            status=number % 3 + 1,
        )
        for number in range(count)
    ]


async def walk(store: Store, listing: Listing, limit: int) -> list[Product]:
    found: list[Product] = []
    after: Key | None = None
    for _ in range(10_000):
        part = await store.slice(listing, after, limit)
        assert len(part.messages) <= limit
        found += map(unpack, part.messages)
        after = part.resume
        if after is None:
            return found
    raise AssertionError("the listing has no end")


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("size", [1, 7, 200])
async def test_every_order_lists_each_product_once(store: Store, order: Order, size: int) -> None:
    products = await fill(store, drafts(60))
    expected = sorted(products, key=key_in(order), reverse=order.is_descending)
    assert await walk(store, Listing(EVERYTHING, order), size) == expected


FILTERS = {
    "statuses": (Filter(statuses=(1, 3)), lambda each: each.status in {1, 3}),
    "currency": (Filter(currency="JPY"), lambda each: each.currency == "JPY"),
    "price": (
        Filter(currency="EUR", min_minor=2, max_minor=5),
        lambda each: each.currency == "EUR" and 2 <= each.price_minor <= 5,
    ),
    "name": (Filter(name_contains="TEA"), lambda each: "tea" in each.name.lower()),
    "percent": (Filter(name_contains="0%"), lambda each: "0%" in each.name),
    "underscore": (Filter(name_contains="a_b"), lambda each: "a_b" in each.name),
    "slash": (Filter(name_contains="a/b"), lambda each: "a/b" in each.name),
    "only ASCII has cases": (Filter(name_contains="Är"), lambda each: "Är" in each.name),
    "nothing": (Filter(name_contains="coffee"), lambda _: False),
}


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("slice_size", [5, 2000])
async def test_a_filter_lets_through_what_it_says_and_all_of_it(
    store: Store, name: str, slice_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing_module, "_SLICE", slice_size)
    products = await fill(store, drafts(63))
    asked, lets_through = FILTERS[name]
    for order in Order:
        expected = sorted(
            filter(lets_through, products), key=key_in(order), reverse=order.is_descending
        )
        assert await walk(store, Listing(asked, order), 4) == expected


async def test_a_slice_with_no_match_says_where_to_go_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing_module, "_SLICE", 10)
    products = await fill(store, drafts(30))
    listing = Listing(Filter(name_contains="coffee"), Order.ID)
    part = await store.slice(listing, None, 5)
    assert part.messages == []
    assert part.resume == (products[9].id,)


@pytest.mark.parametrize("order", Order)
async def test_what_is_inserted_or_deleted_meanwhile_neither_repeats_nor_hides_another(
    store: Store, order: Order
) -> None:
    products = await fill(store, drafts(40))
    ordered = sorted(products, key=key_in(order), reverse=order.is_descending)
    listing = Listing(EVERYTHING, order)
    first = await store.slice(listing, None, 10)
    for each in (ordered[0], ordered[9], ordered[10]):
        await store.delete(each.id, None, 2)
    for number, name in itertools.product(range(3), ("!", "zzz", "m")):
        await store.create(draft(f"new-{name}-{number}", name=name), None, 2)
    rest: list[Product] = []
    after = first.resume
    while after is not None:
        part = await store.slice(listing, after, 10)
        rest += map(unpack, part.messages)
        after = part.resume
    seen = [
        each for each in [*map(unpack, first.messages), *rest] if not each.sku.startswith("new")
    ]
    assert seen == ordered[:10] + ordered[11:]


@pytest.mark.parametrize("order", Order)
async def test_a_page_deep_in_the_catalogue_is_reached_through_an_index(
    sqlite_database: Database, order: Order
) -> None:
    """A keyset that SQLite cannot follow in an index would pass over all the pages before."""
    shape = listing_module._Shape(order, ("pattern",), has_after=True, has_end=True)

    def explain(connection: Connection) -> list[str]:
        query = listing_module._select_products(shape).compile(dialect=connection.dialect)
        rows = connection.execute(text(f"EXPLAIN QUERY PLAN {query}".replace("?", "0")))
        return [str(row.detail) for row in rows]

    plan = await sqlite_database.read(explain)
    assert len(plan) == 1, plan
    assert plan[0].startswith("SEARCH products USING"), plan
