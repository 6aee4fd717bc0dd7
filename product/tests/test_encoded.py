"""The messages that stand beside the columns, on SQLite and PostgreSQL, with the real encoder."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.type import money_pb2
from sqlalchemy import Connection, Select, func, null, select, update

from bodega.product.v1 import product_pb2 as pb
from product.model import EVERYTHING, Batch, Draft, Filter, Key, Listing, Order, Product
from product.servicer import encode
from product.store.store import Store
from product.store.tables import product_columns, products
from product.tests.examples import draft
from runtime.database import Database
from runtime.errors import DomainError

NOW = 1_700_000_000_123_456
EXPONENTS = {"EUR": 2, "JPY": 0, "BHD": 3}
SKUS = [f"S{number}" for number in range(12)]


@pytest.fixture
def store(database: Database) -> Store:
    return Store(database, encode)


def slowly(product: Product) -> pb.Product:
    """Build the message from the columns, field by field."""
    units, minor = divmod(product.price_minor, 10 ** EXPONENTS[product.currency])
    nanos = minor * 10 ** (9 - EXPONENTS[product.currency])
    return pb.Product(
        id=product.id,
        sku=product.sku,
        name=product.name,
        description=product.description,
        price=money_pb2.Money(currency_code=product.currency, units=units, nanos=nanos),
        status=pb.ProductStatus.Name(product.status),  # type: ignore[arg-type]  # by name or number
        create_time=timestamp(product.create_time),
        update_time=timestamp(product.update_time),
        etag=f"{product.revision:x}",
    )


def timestamp(micros: int) -> Timestamp:
    return Timestamp(seconds=micros // 10**6, nanos=micros % 10**6 * 1000)


async def stored(database: Database) -> list[tuple[Product, bytes | None]]:
    """Return what is in the rows themselves."""
    query: Select[Any] = select(*product_columns, products.c.encoded).order_by(products.c.id)

    def work(connection: Connection) -> list[tuple[Product, bytes | None]]:
        return [(Product._make(row[:-1]), row[-1]) for row in connection.execute(query)]

    return await database.read(work)


async def check_stored(database: Database) -> int:
    """Check each row's message, and return how many rows there are."""
    rows = await stored(database)
    for product, message in rows:
        assert message is not None
        assert pb.Product.FromString(message) == slowly(product)
        assert message == slowly(product).SerializeToString()
    return len(rows)


async def forget(database: Database, *ids: int) -> None:
    """Do what a migration does that gives Product another field."""

    def work(connection: Connection) -> None:
        statement = update(products).values(encoded=null())
        connection.execute(statement.where(products.c.id.in_(ids)) if ids else statement)

    await database.write(work)


def any_draft(dice: random.Random) -> Draft:
    return draft(
        dice.choice(SKUS),
        name=dice.choice(["Tea", "茶", "x" * 200]),
        description=dice.choice(["", "Ä" * 4000]),
        currency=dice.choice(list(EXPONENTS)),
        price_minor=dice.choice([0, 1, 99, 100, 10**12]),
        status=dice.randint(1, 3),
    )


async def any_write(store: Store, dice: random.Random, number: int) -> None:
    product_id = dice.randint(1, 40)
    now = NOW + number
    match dice.randrange(4):
        case 0:
            await store.create(any_draft(dice), None, now)
        case 1:
            names = dice.sample(Draft._fields, 2)
            changed = any_draft(dice)._asdict()
            await store.update(product_id, None, {each: changed[each] for each in names}, now)
        case 2:
            await store.delete(product_id, None, now)
        case _:
            rows = {each.sku: each for each in (any_draft(dice) for _ in range(8))}
            await store.import_batch(Batch(f"b{number}", b"", list(rows.values()), []), now)


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_is_written_each_row_has_the_message_of_its_columns(
    store: Store, database: Database, seed: int
) -> None:
    dice = random.Random(seed)  # noqa: S311  (no secret)
    done = refused = 0
    for number in range(40):
        try:
            await any_write(store, dice, number)
            done += 1
        except DomainError:
            refused += 1
        await check_stored(database)
    assert done >= 10
    assert refused
    assert await check_stored(database)


async def test_an_import_that_leaves_a_row_alone_leaves_its_message(
    store: Store, database: Database
) -> None:
    await store.create(draft("A"), None, NOW)
    await store.create(draft("B"), None, NOW)
    before = await stored(database)
    drafts = [draft("A"), draft("B", name="Other"), draft("C")]
    result = await store.import_batch(Batch("b", b"", drafts, []), NOW + 1)
    assert (result.inserted, result.updated, result.unchanged) == (1, 2, 1)
    after = await stored(database)
    assert after[0] == before[0]
    assert after[1] != before[1]
    assert await check_stored(database) == 3


async def test_a_write_makes_the_message_that_was_missing(store: Store, database: Database) -> None:
    first = await store.create(draft("A"), None, NOW)
    second = await store.create(draft("B"), None, NOW)
    await forget(database)
    await store.update(first.id, None, {"name": "Other"}, NOW)
    await store.import_batch(Batch("b", b"", [draft("B", name="Other")], []), NOW)
    assert await check_stored(database) == 2
    assert second.id == 2


async def every_read(store: Store) -> list[object]:
    """Return what each way to read brings."""
    listings = [
        await store.slice(Listing(asked, order), after, 5)
        for order in Order
        for asked in (EVERYTHING, Filter(statuses=(1,)), Filter(name_contains="e"))
        for after in starts(order)
    ]
    return [
        await store.get(1),
        await store.get(2),
        await store.get(3),
        await store.get_many([1, 2, 99, 3]),
        await store.changes(0, 0, 100),
        *listings,
    ]


def starts(order: Order) -> list[Key | None]:
    return [None, (2,)] if order is Order.ID else [None]


WHICH: dict[str, Callable[[list[Product]], list[int]]] = {
    "one": lambda rows: [rows[1].id],
    "some": lambda rows: [each.id for each in rows[::2]],
    "all": lambda _: [],
}


@pytest.mark.parametrize("which", WHICH)
async def test_a_row_without_its_message_is_read_the_same(
    store: Store, database: Database, which: str
) -> None:
    rows = [await store.create(draft(f"S{number}"), None, NOW) for number in range(7)]
    await store.delete(4, None, NOW)
    expected = await every_read(store)
    assert expected[0] == slowly(rows[0]).SerializeToString()
    await forget(database, *WHICH[which](rows))
    assert await missing(database)
    assert await every_read(store) == expected


async def missing(database: Database) -> int:
    query = select(func.count()).where(products.c.encoded.is_(None))
    return await database.read(lambda connection: connection.execute(query).scalar_one())
