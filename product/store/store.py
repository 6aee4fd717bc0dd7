"""The catalogue in the database: one public method, one transaction."""

from collections.abc import Mapping, Sequence
from functools import cache, partial

from sqlalchemy import Connection, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.dml import ReturningInsert

from product.errors import etag_stale, not_found, request_id_reused, sku_taken
from product.model import (
    Batch,
    BatchResult,
    Change,
    Changes,
    Column,
    CreateRequest,
    Draft,
    Encoder,
    Extent,
    Key,
    Listing,
    Message,
    Product,
    Slice,
)
from product.store import revision
from product.store.import_batch import import_batch, set_messages
from product.store.listing import select_slice
from product.store.queries import completed, fetch_messages, select_messages
from product.store.tables import (
    create_requests,
    import_batches,
    product_columns,
    product_deletions,
    products,
)
from runtime.clock import Micros
from runtime.database import Database
from runtime.errors import Aborted, NotFound
from runtime.statements import insert_into

_BY_ID = select_messages().where(products.c.id == bindparam("id"))
_GONE = product_deletions.c
_STORED_AFTER = (
    select_messages(products.c.revision)
    .where(products.c.revision > bindparam("after"))
    .order_by(products.c.revision)
    .limit(bindparam("limit"))
)
_DELETED_AFTER = (
    select(_GONE.revision, _GONE.product_id)
    .where(_GONE.revision > bindparam("after"))
    .order_by(_GONE.revision)
    .limit(bindparam("limit"))
)
_ID_BY_ID = select(products.c.id).where(products.c.id == bindparam("id"))
_BY_IDS = select_messages().where(products.c.id.in_(bindparam("ids", expanding=True)))


class Store:
    """Reads and writes the catalogue; see the functions below for what each one does.

    Beside a product's columns stands its message, as `encode` makes it: to send one is all that
    most reads are for, and to make it costs more than to fetch it.
    """

    def __init__(self, database: Database, encode: Encoder) -> None:
        self._database = database
        self._encode = encode

    async def get(self, product_id: int) -> Message | None:
        """Return one product."""
        asked = {"id": product_id}
        work = partial(fetch_messages, query=_BY_ID, values=asked, encode=self._encode)
        found = await self._database.read(work, snapshot=False)
        return found[0][1] if found else None

    async def get_many(self, ids: Sequence[int]) -> dict[int, Message]:
        """Return those of the products that exist, by id."""
        work = partial(_get_many, ids=ids, encode=self._encode)
        return await self._database.read(work, snapshot=False)

    async def slice(self, listing: Listing, after: Key | None, limit: int) -> Slice:
        """Return a part of a listing."""
        return await self._database.read(
            partial(select_slice, listing=listing, after=after, limit=limit, encode=self._encode)
        )

    async def create(self, draft: Draft, request: CreateRequest | None, now: Micros) -> Product:
        """Insert a product, or return it as it was inserted by the same request before."""
        return await self._database.write(
            partial(_create, draft=draft, request=request, now=now, encode=self._encode)
        )

    async def update(
        self, product_id: int, etag_revision: int | None, columns: Mapping[str, Column], now: Micros
    ) -> Product:
        """Change columns of a product, if it is at that revision still or none is given."""
        return await self._database.write(
            partial(
                _update,
                product_id=product_id,
                at=etag_revision,
                columns=columns,
                now=now,
                encode=self._encode,
            )
        )

    async def delete(self, product_id: int, etag_revision: int | None, now: Micros) -> int:
        """Delete a product, on the same condition; return the revision of that change."""
        return await self._database.write(
            partial(_delete, product_id=product_id, at=etag_revision, now=now)
        )

    async def import_batch(self, batch: Batch, now: Micros) -> BatchResult:
        """Insert or update the rows of a batch, once."""
        return await self._database.write(
            partial(import_batch, batch=batch, now=now, encode=self._encode)
        )

    async def revision(self) -> int:
        """Return the revision of the last change."""
        return (await self.extent()).revision

    async def extent(self) -> Extent:
        """Return the revision of the last change, and how many products there are."""
        return await self._database.read(revision.extent, snapshot=False)

    async def changes(self, after: int, deletions_after: int, limit: int) -> Changes:
        """Return up to `limit` changes after a revision, deletions after another."""
        return await self._database.read(
            partial(
                _changes,
                after=after,
                deletions_after=deletions_after,
                limit=limit,
                encode=self._encode,
            )
        )

    async def purge(self, before: Micros, limit: int) -> int:
        """Forget up to `limit` requests, and batches, that are older; return how many."""
        return await self._database.write(partial(_purge, before=before, limit=limit))


def _get_many(connection: Connection, ids: Sequence[int], encode: Encoder) -> dict[int, Message]:
    rows = [tuple(row) for row in connection.execute(_BY_IDS, {"ids": ids})]
    return dict(completed(connection, rows, encode))


def _create(
    connection: Connection,
    draft: Draft,
    request: CreateRequest | None,
    now: Micros,
    encode: Encoder,
) -> Product:
    new = revision.advance(connection, 1)
    if request is not None:
        earlier = _created_before(connection, draft, request)
        if earlier is not None:
            return earlier
    product = Product(new, *draft, create_time=now, update_time=now, revision=new)
    inserting = _insert_unless_taken(connection.dialect.name)
    values = product._asdict() | {"encoded": encode(product)}
    if connection.execute(inserting, values).first() is None:
        raise sku_taken(draft.sku)
    revision.count(connection, 1)
    if request is not None:
        connection.execute(
            insert(create_requests).values(
                request_id=request.request_id,
                digest=request.digest,
                product_id=new,
                create_time=now,
            )
        )
    return product


@cache
def _insert_unless_taken(dialect: str) -> ReturningInsert[tuple[int]]:
    by_sku = insert_into(products, dialect).on_conflict_do_nothing(index_elements=[products.c.sku])
    return by_sku.returning(products.c.id)


def _created_before(connection: Connection, draft: Draft, request: CreateRequest) -> Product | None:
    """Return the first answer. The same request has the same draft, so the id and time suffice."""
    known = create_requests.c
    row = connection.execute(
        select(known.digest, known.product_id, known.create_time).where(
            known.request_id == request.request_id
        )
    ).first()
    if row is None:
        return None
    if row.digest != request.digest:
        raise request_id_reused(request.request_id)
    created, number = row.create_time, row.product_id
    return Product(number, *draft, create_time=created, update_time=created, revision=number)


def _update(
    connection: Connection,
    product_id: int,
    at: int | None,
    columns: Mapping[str, Column],
    now: Micros,
    encode: Encoder,
) -> Product:
    new = revision.advance(connection, 1)
    statement = update(products).where(products.c.id == product_id)
    if at is not None:
        statement = statement.where(products.c.revision == at)
    statement = statement.values(**columns, update_time=now, revision=new)
    try:
        row = connection.execute(statement.returning(*product_columns)).first()
    except IntegrityError as error:
        raise sku_taken(str(columns["sku"])) from error
    if row is None:
        raise _why_untouched(connection, product_id)
    product = Product._make(row)
    set_messages(connection, [product], encode)
    return product


def _delete(connection: Connection, product_id: int, at: int | None, now: Micros) -> int:
    new = revision.advance(connection, 1)
    statement = delete(products).where(products.c.id == product_id)
    if at is not None:
        statement = statement.where(products.c.revision == at)
    if connection.execute(statement.returning(products.c.id)).first() is None:
        raise _why_untouched(connection, product_id)
    revision.count(connection, -1)
    connection.execute(
        insert(product_deletions).values(revision=new, product_id=product_id, delete_time=now)
    )
    return new


def _why_untouched(connection: Connection, product_id: int) -> NotFound | Aborted:
    is_there = connection.execute(_ID_BY_ID, {"id": product_id}).first() is not None
    return etag_stale(product_id) if is_there else not_found(product_id)


def _changes(
    connection: Connection, after: int, deletions_after: int, limit: int, encode: Encoder
) -> Changes:
    newest = revision.extent(connection).revision
    asked = {"after": after, "limit": limit}
    stored = fetch_messages(connection, _STORED_AFTER, asked, encode)
    deleted = connection.execute(
        _DELETED_AFTER, {"after": max(after, deletions_after), "limit": limit}
    )
    found = [Change(number, product_id, message) for product_id, message, number in stored]
    found += [Change(number, product_id, None) for number, product_id in deleted]
    found.sort(key=lambda change: change.revision)
    if len(found) < limit:
        return Changes(found, newest, is_complete=True)
    return Changes(found[:limit], found[limit - 1].revision, is_complete=False)


def _purge(connection: Connection, before: Micros, limit: int) -> int:
    purged = 0
    for key in (create_requests.c.request_id, import_batches.c.batch_id):
        table = key.table
        old = select(key).where(table.c.create_time < before).limit(limit)
        purged += connection.execute(delete(table).where(key.in_(old))).rowcount
    return purged
