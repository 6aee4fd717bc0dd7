"""Writes a batch of an import: all of it, once."""

import json
from collections.abc import Iterable
from functools import cache

from sqlalchemy import Connection, Dialect, bindparam, case, func, insert, null, or_, select, update

from product.errors import batch_id_reused
from product.model import Batch, BatchResult, Encoder, Product, Rejection
from product.store.revision import advance, count
from product.store.tables import import_batches, product_columns, products
from runtime.clock import Micros
from runtime.statements import insert_into

_REPLACED = ("name", "description", "currency", "price_minor", "status")

_NOTE = insert(import_batches)
_NOTED = select(import_batches).where(import_batches.c.batch_id == bindparam("batch_id"))
_IS_NEW = case((products.c.id == products.c.revision, 1), else_=0)
_COUNTS = select(func.count(), func.coalesce(func.sum(_IS_NEW), 0)).where(
    products.c.revision.between(bindparam("first"), bindparam("last"))
)

_UPDATED = select(*product_columns).where(
    products.c.revision.between(bindparam("first"), bindparam("last")),
    products.c.id != products.c.revision,
)
_SET_MESSAGE = (
    update(products)
    .where(products.c.id == bindparam("product_id"))
    .values(encoded=bindparam("message"))
)


def import_batch(connection: Connection, batch: Batch, now: Micros, encode: Encoder) -> BatchResult:
    """Store the batch, or return what became of it before."""
    last = advance(connection, len(batch.drafts))
    earlier = _earlier(connection, batch, last)
    if earlier is not None:
        return earlier
    first = last - len(batch.drafts) + 1
    _upsert(connection, batch, first, now, encode)
    result = _result(connection, batch, first, last)
    if result.updated > result.unchanged:
        _encode_updated(connection, first, last, encode)
    count(connection, result.inserted)
    connection.execute(
        _NOTE,
        {
            "batch_id": batch.batch_id,
            "digest": batch.digest,
            "inserted": result.inserted,
            "updated": result.updated,
            "unchanged": result.unchanged,
            "rejections": json.dumps(batch.rejections),
            "create_time": now,
        },
    )
    return result


def _earlier(connection: Connection, batch: Batch, revision: int) -> BatchResult | None:
    row = connection.execute(_NOTED, {"batch_id": batch.batch_id}).first()
    if row is None:
        return None
    if row.digest != batch.digest:
        raise batch_id_reused(batch.batch_id)
    return BatchResult(
        inserted=row.inserted,
        updated=row.updated,
        unchanged=row.unchanged,
        rejections=[Rejection(*each) for each in json.loads(row.rejections)],
        revision=revision,
        is_repeated=True,
    )


def _upsert(connection: Connection, batch: Batch, first: int, now: Micros, encode: Encoder) -> None:
    if not batch.drafts:
        return
    # Rows as tuples, by the driver's own names for parameters: dictionaries by column take
    # half as long again as the statement itself.
    inserted = (
        Product(revision, *draft, now, now, revision)
        for revision, draft in enumerate(batch.drafts, start=first)
    )
    rows = [(*each, encode(each)) for each in inserted]
    connection.exec_driver_sql(upsert_sql(connection.dialect), rows)


@cache
def upsert_sql(dialect: Dialect) -> str:
    """Return the statement of an import for the driver: a Product and its message are one row."""
    new = insert_into(products, dialect.name)
    differs = or_(*(products.c[name] != new.excluded[name] for name in _REPLACED))
    replaced = {name: new.excluded[name] for name in (*_REPLACED, "update_time", "revision")}
    # The message at hand has the id and the time of an insertion.
    compiled = new.on_conflict_do_update(
        index_elements=[products.c.sku], set_={**replaced, "encoded": null()}, where=differs
    ).compile(dialect=dialect)
    order = [*Product._fields, "encoded"]
    assert compiled.positiontup == order  # noqa: S101  (the order of _upsert's rows)
    return str(compiled)


def _encode_updated(connection: Connection, first: int, last: int, encode: Encoder) -> None:
    updated = connection.execute(_UPDATED, {"first": first, "last": last}).all()
    set_messages(connection, map(Product._make, updated), encode)


def set_messages(connection: Connection, changed: Iterable[Product], encode: Encoder) -> None:
    """Store the messages of products that were updated, at least one."""
    values = [{"product_id": each.id, "message": encode(each)} for each in changed]
    connection.execute(_SET_MESSAGE, values)


def _result(connection: Connection, batch: Batch, first: int, last: int) -> BatchResult:
    """Count by revision: what was inserted has the one of its id, what was not touched an old one.

    The lock on the counter keeps others' writes out of the range.
    """
    changed, inserted = connection.execute(_COUNTS, {"first": first, "last": last}).one()
    rows = len(batch.drafts)
    return BatchResult(
        inserted=inserted,
        updated=rows - inserted,
        unchanged=rows - changed,
        rejections=batch.rejections,
        revision=last,
        is_repeated=False,
    )
