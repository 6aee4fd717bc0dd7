"""The rows of carts: taken by every write, moved on by every change."""

from functools import cache

from sqlalchemy import Connection, bindparam, delete, select, update
from sqlalchemy.sql.dml import ReturningInsert

from cart.errors import cart_not_found, etag_stale
from cart.model import Head, Stamp
from cart.store.tables import cart_items, carts, head_columns
from runtime.clock import Micros
from runtime.statements import insert_into

_TAKE = select(*head_columns).where(carts.c.owner == bindparam("owner")).with_for_update()
_ADVANCE = (
    update(carts)
    .where(carts.c.id == bindparam("cart_id"))
    .values(revision=bindparam("new"), update_time=bindparam("now"))
)


def take(connection: Connection, owner: str, guard: Stamp | None = None) -> Head:
    """Return the owner's cart if it is in that state still, or none is given.

    Every write begins with it. The lock on the row is held until the transaction ends (on SQLite
    no other write runs by then), so what a write then reads stays true until it commits.
    """
    row = connection.execute(_TAKE, {"owner": owner}).first()
    if row is None:
        raise cart_not_found(owner)
    head = Head._make(row)
    if guard is not None and guard != head.stamp:
        raise etag_stale(owner)
    return head


def advance(connection: Connection, head: Head, new_lines: int, now: Micros) -> Head:
    """Move a cart that is taken on: by a revision for each new line, which is its id; by one else.

    Return it as it is then.
    """
    moved = head._replace(revision=head.revision + max(1, new_lines), update_time=now)
    connection.execute(_ADVANCE, {"cart_id": head.id, "new": moved.revision, "now": now})
    return moved


def insert_unless_there(
    connection: Connection, owner: str, new_lines: int, now: Micros
) -> Head | None:
    """Make a cart, whose lines have ids from 1 on; None where the owner has one."""
    values = {
        "owner": owner,
        "revision": max(1, new_lines),
        "create_time": now,
        "update_time": now,
    }
    row = connection.execute(_insert(connection.dialect.name), values).first()
    return None if row is None else Head._make(row)


@cache
def _insert(dialect: str) -> ReturningInsert[tuple[int, str, int, int, int]]:
    unless_there = insert_into(carts, dialect).on_conflict_do_nothing(
        index_elements=[carts.c.owner]
    )
    return unless_there.returning(*head_columns)


def remove(connection: Connection, head: Head) -> None:
    """Delete a cart that is taken, and its lines."""
    connection.execute(delete(cart_items).where(cart_items.c.cart_id == head.id))
    connection.execute(delete(carts).where(carts.c.id == head.id))
