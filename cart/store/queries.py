"""Reads carts."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import BigInteger, Connection, Select, bindparam, cast, func, select

from cart.model import Cart, Head, Line, Stamp, Summary, Totals
from cart.store.tables import cart_items, carts, head_columns, line_columns
from runtime.rows import fetch_rows

_OF_OWNER = carts.c.owner == bindparam("owner")
_STAMP = select(carts.c.id, carts.c.revision).where(_OF_OWNER)
_STAMPS = select(carts.c.owner, carts.c.id, carts.c.revision).where(
    carts.c.owner.in_(bindparam("owners", expanding=True))
)
_HEAD = select(*head_columns).where(_OF_OWNER)
_LINES = (
    select(*line_columns)
    .where(cart_items.c.cart_id == bindparam("cart_id"))
    .order_by(cart_items.c.id)
)


def _summaries(chosen: Select[Any]) -> Select[Any]:
    """Return a select of carts and what their items come to."""
    cart, item = chosen.subquery("cart"), cart_items.c

    def total(amount: Any) -> Any:
        # PostgreSQL's sum of a bigint is a numeric; no cart comes near the end of a bigint.
        return cast(func.coalesce(func.sum(amount), 0), BigInteger)

    return (
        select(
            *cart.c,
            func.count(item.id),
            total(item.quantity),
            func.coalesce(func.min(item.currency), ""),
            total(item.quantity * item.list_minor),
            total(item.quantity * item.discount_minor),
        )
        .outerjoin_from(cart, cart_items, item.cart_id == cart.c.id)
        .group_by(*cart.c)
        .order_by(cart.c.owner)
    )


_SUMMARY = _summaries(_HEAD)
_PAGE = _summaries(
    select(*head_columns)
    .where(carts.c.owner > bindparam("after"))
    .order_by(carts.c.owner)
    .limit(bindparam("limit"))
)
_HEAD_WIDTH = len(Head._fields)


def stamp(connection: Connection, owner: str) -> Stamp | None:
    """Return the state of the owner's cart: most of what GetCart does."""
    rows = fetch_rows(connection, _STAMP, {"owner": owner})
    return Stamp._make(rows[0]) if rows else None


def stamps(connection: Connection, owners: Collection[str]) -> dict[str, Stamp]:
    """Return the states of the carts of those owners who have one."""
    found = connection.execute(_STAMPS, {"owners": [*owners]})
    return {owner: Stamp(cart_id, revision) for owner, cart_id, revision in found}


def lines(connection: Connection, cart_id: int) -> list[Line]:
    """Return the lines of a cart in order."""
    return list(map(Line._make, fetch_rows(connection, _LINES, {"cart_id": cart_id})))


def cart(connection: Connection, owner: str) -> Cart | None:
    """Return the owner's cart."""
    row = connection.execute(_HEAD, {"owner": owner}).first()
    if row is None:
        return None
    head = Head._make(row)
    return Cart(head, lines(connection, head.id))


def summary(connection: Connection, owner: str) -> Summary | None:
    """Return the owner's cart without its lines."""
    row = connection.execute(_SUMMARY, {"owner": owner}).first()
    return None if row is None else _to_summary(row)


def page(connection: Connection, after: str, limit: int) -> list[Summary]:
    """Return the carts of the owners that follow one, without their lines."""
    found = connection.execute(_PAGE, {"after": after, "limit": limit})
    return [_to_summary(row) for row in found]


def _to_summary(row: Any) -> Summary:
    return Summary(Head._make(row[:_HEAD_WIDTH]), Totals._make(row[_HEAD_WIDTH:]))
