"""The carts in the database: one public method, one transaction."""

from collections.abc import Callable, Collection, Iterable
from functools import partial

from sqlalchemy import Connection, bindparam, delete, insert, update

from cart.errors import cart_exists, cart_not_found, item_not_found
from cart.model import (
    Added,
    BatchResult,
    Cart,
    Created,
    Head,
    Line,
    Notice,
    Priced,
    Request,
    Stamp,
    Summary,
)
from cart.pricing.money import totals_of
from cart.store import cart_rows, idempotency, queries
from cart.store.merging import merge
from cart.store.tables import cart_items, cart_requests, item_batches
from runtime.clock import Micros
from runtime.database import Database

_ITEM = (cart_items.c.cart_id == bindparam("of_cart"), cart_items.c.id == bindparam("item_id"))
_SET_QUANTITY = update(cart_items).where(*_ITEM).values(quantity=bindparam("units"))
_SET_AND_TELL = _SET_QUANTITY.returning(cart_items.c.id)
_REMOVE_AND_TELL = delete(cart_items).where(*_ITEM).returning(cart_items.c.id)


class Store:
    """Reads and writes carts; see the functions below for what each one does."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def stamp(self, owner: str) -> Stamp | None:
        """Return the state of the owner's cart."""
        return await self._database.read(partial(queries.stamp, owner=owner), snapshot=False)

    async def stamps(self, owners: Collection[str]) -> dict[str, Stamp]:
        """Return the states of the carts of those owners who have one."""
        return await self._database.read(partial(queries.stamps, owners=owners), snapshot=False)

    async def get(self, owner: str) -> Cart | None:
        """Return the owner's cart."""
        return await self._database.read(partial(queries.cart, owner=owner))

    async def summary(self, owner: str) -> Summary | None:
        """Return the owner's cart without its lines."""
        return await self._database.read(partial(queries.summary, owner=owner), snapshot=False)

    async def page(self, after: str, limit: int) -> list[Summary]:
        """Return the carts of the owners that follow one, without their lines."""
        work = partial(queries.page, after=after, limit=limit)
        return await self._database.read(work, snapshot=False)

    async def recall_creation(self, owner: str, request: Request | None) -> Created[Cart] | None:
        """Return what became of the same request before; AlreadyExists for another one."""
        return await self._database.read(partial(_recall_creation, owner=owner, request=request))

    async def create(
        self, owner: str, priced: Priced, request: Request | None, now: Micros
    ) -> Created[Cart]:
        """Insert a cart with its items, or return it as it is where the request is a repeated one.

        AlreadyExists where the owner has a cart.
        """
        return await self._database.write(
            partial(_create, owner=owner, priced=priced, request=request, now=now)
        )

    async def recall_batch(self, owner: str, batch: Request) -> BatchResult | None:
        """Return what became of the same batch before; NotFound where there is no cart."""
        return await self._database.read(partial(_recall_batch, owner=owner, batch=batch))

    async def add(self, owner: str, batch: Request, priced: Priced, now: Micros) -> Added:
        """Add the items of a batch as far as there is room, once."""
        return await self._database.write(
            partial(_add, owner=owner, batch=batch, priced=priced, now=now)
        )

    async def set_quantity(
        self, owner: str, item_id: int, quantity: int, guard: Stamp | None, now: Micros
    ) -> Cart:
        """Set the quantity of an item, if the cart is in that state still or none is given."""
        work = partial(_set_quantity, item_id=item_id, quantity=quantity)
        return await self._change(owner, guard, work, now)

    async def remove(self, owner: str, item_id: int, guard: Stamp | None, now: Micros) -> Cart:
        """Take an item out, on the same condition."""
        return await self._change(owner, guard, partial(_remove, item_id=item_id), now)

    async def clear(self, owner: str, guard: Stamp | None, now: Micros) -> Cart:
        """Take all items out, on the same condition."""
        return await self._change(owner, guard, _clear, now)

    async def delete(self, owner: str, guard: Stamp | None) -> None:
        """Delete the cart, on the same condition."""
        await self._database.write(partial(_delete, owner=owner, guard=guard))

    async def purge(self, before: Micros, limit: int) -> int:
        """Forget up to `limit` requests, and batches, that are older; return how many."""
        return await self._database.write(partial(idempotency.purge, before=before, limit=limit))

    async def _change(
        self,
        owner: str,
        guard: Stamp | None,
        work: Callable[[Connection, Head], bool],
        now: Micros,
    ) -> Cart:
        return await self._database.write(
            partial(_change, owner=owner, guard=guard, work=work, now=now)
        )


def _recall_creation(
    connection: Connection, owner: str, request: Request | None
) -> Created[Cart] | None:
    found = queries.cart(connection, owner)
    earlier = (
        None if request is None else idempotency.find(connection, cart_requests, owner, request)
    )
    if earlier is None:
        if found is not None:
            raise cart_exists(owner)
        return None
    if found is None:
        # It was deleted since: a late retry does not bring it back.
        raise cart_not_found(owner)
    return Created(found, earlier, is_repeated=True)


def _create(
    connection: Connection, owner: str, priced: Priced, request: Request | None, now: Micros
) -> Created[Cart]:
    merged = merge([], priced.drafts, next_id=1)
    head = cart_rows.insert_unless_there(connection, owner, len(merged.new), now)
    # Looked for only now, when no other cart of this owner is being made.
    earlier = (
        None if request is None else idempotency.find(connection, cart_requests, owner, request)
    )
    if earlier is not None:
        if head is not None:
            raise cart_not_found(owner)
        taken = cart_rows.take(connection, owner)
        as_it_is = Cart(taken, queries.lines(connection, taken.id))
        return Created(as_it_is, earlier, is_repeated=True)
    if head is None:
        raise cart_exists(owner)
    _insert_lines(connection, head, merged.new)
    result = _result(priced, merged.rejected)
    if request is not None:
        idempotency.note(connection, cart_requests, owner, request, result, now)
    return Created(Cart(head, merged.lines), result, is_repeated=False)


def _recall_batch(connection: Connection, owner: str, batch: Request) -> BatchResult | None:
    if queries.stamp(connection, owner) is None:
        raise cart_not_found(owner)
    return idempotency.find(connection, item_batches, owner, batch)


def _add(connection: Connection, owner: str, batch: Request, priced: Priced, now: Micros) -> Added:
    head = cart_rows.take(connection, owner)
    lines = queries.lines(connection, head.id)
    earlier = idempotency.find(connection, item_batches, owner, batch)
    if earlier is not None:
        return Added(Summary(head, totals_of(lines)), earlier, is_repeated=True)
    merged = merge(lines, priced.drafts, next_id=head.revision + 1)
    if merged.raised or merged.new:
        _insert_lines(connection, head, merged.new)
        _raise_lines(connection, head, merged.raised)
        head = cart_rows.advance(connection, head, len(merged.new), now)
    result = _result(priced, merged.rejected)
    idempotency.note(connection, item_batches, owner, batch, result, now)
    return Added(Summary(head, totals_of(merged.lines)), result, is_repeated=False)


def _result(priced: Priced, rejected: list[Notice]) -> BatchResult:
    left_out = {each.place for each in rejected}
    return BatchResult(
        added=len(priced.drafts) - len(rejected),
        rejected=sorted(priced.rejected + rejected),
        # There is nothing to warn of where the item was not added after all.
        warnings=[each for each in priced.warnings if each.place not in left_out],
    )


def _insert_lines(connection: Connection, head: Head, lines: Iterable[Line]) -> None:
    rows = [{"cart_id": head.id, **line._asdict()} for line in lines]
    if rows:
        connection.execute(insert(cart_items), rows)


def _raise_lines(connection: Connection, head: Head, lines: Iterable[Line]) -> None:
    rows = [{"of_cart": head.id, "item_id": line.id, "units": line.quantity} for line in lines]
    if rows:
        connection.execute(_SET_QUANTITY, rows)


def _change(
    connection: Connection,
    owner: str,
    guard: Stamp | None,
    work: Callable[[Connection, Head], bool],
    now: Micros,
) -> Cart:
    """Take the cart, change it, and move it on where the work says that it did change."""
    head = cart_rows.take(connection, owner, guard)
    if work(connection, head):
        head = cart_rows.advance(connection, head, 0, now)
    return Cart(head, queries.lines(connection, head.id))


def _set_quantity(connection: Connection, head: Head, item_id: int, quantity: int) -> bool:
    asked = {"of_cart": head.id, "item_id": item_id, "units": quantity}
    if connection.execute(_SET_AND_TELL, asked).first() is None:
        raise item_not_found(item_id)
    return True


def _remove(connection: Connection, head: Head, item_id: int) -> bool:
    asked = {"of_cart": head.id, "item_id": item_id}
    if connection.execute(_REMOVE_AND_TELL, asked).first() is None:
        raise item_not_found(item_id)
    return True


def _clear(connection: Connection, head: Head) -> bool:
    clearing = delete(cart_items).where(cart_items.c.cart_id == head.id)
    return connection.execute(clearing).rowcount > 0


def _delete(connection: Connection, owner: str, guard: Stamp | None) -> None:
    cart_rows.remove(connection, cart_rows.take(connection, owner, guard))
