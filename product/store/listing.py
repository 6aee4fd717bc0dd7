"""Selects a part of a listing in bounded time, however few products the filter lets through."""

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, select, tuple_

from product.model import EVERYTHING, Encoder, Filter, Key, Listing, Order, Slice, key_of
from product.store.queries import fetch_messages, select_messages
from product.store.tables import products

# The most products that one slice passes over. On SQLite a read holds up the event loop, with
# this for some milliseconds.
_SLICE = 2000

_CONDITIONS: dict[str, ColumnElement[bool]] = {
    "status_0": products.c.status.in_([bindparam(f"status_{number}") for number in range(3)]),
    "currency": products.c.currency == bindparam("currency"),
    "min_minor": products.c.price_minor >= bindparam("min_minor"),
    "max_minor": products.c.price_minor <= bindparam("max_minor"),
    # The column's order is by code point, in which only ASCII letters have two cases.
    "pattern": products.c.name.ilike(bindparam("pattern"), escape="/"),
}


@dataclass(frozen=True, slots=True)
class _Shape:
    """What of a query decides its SQL; building that costs more than to run it."""

    order: Order
    conditions: tuple[str, ...]
    has_after: bool
    has_end: bool


def select_slice(
    connection: Connection, listing: Listing, after: Key | None, limit: int, encode: Encoder
) -> Slice:
    """Return up to `limit` products that follow `after`."""
    order = listing.order
    values = dict(_values(listing.filter))
    end = None if listing.filter == EVERYTHING else _slice_end(connection, order, after)
    shape = _Shape(order, tuple(values), after is not None, end is not None)
    values |= {"limit": limit} | _key_values("after", after) | _key_values("end", end)
    rows = fetch_messages(connection, _select_products(shape), values, encode)
    return Slice(rows, key_of(rows[-1]) if len(rows) == limit else end)


def _slice_end(connection: Connection, order: Order, after: Key | None) -> Key | None:
    """Return the key of the last product of the slice; None where the listing ends before."""
    shape = _Shape(order, (), after is not None, has_end=False)
    values = {"passed_over": _SLICE - 1} | _key_values("after", after)
    row = connection.execute(_select_end(shape), values).first()
    return None if row is None else tuple(row)


def _values(asked: Filter) -> Iterator[tuple[str, Any]]:
    if asked.statuses:
        # Always three of them, so that one statement serves.
        padded = (*asked.statuses, *asked.statuses[:1] * 3)
        yield from ((f"status_{number}", padded[number]) for number in range(3))
    if asked.currency:
        yield "currency", asked.currency
    if asked.min_minor is not None:
        yield "min_minor", asked.min_minor
    if asked.max_minor is not None:
        yield "max_minor", asked.max_minor
    if asked.name_contains:
        yield "pattern", f"%{_escaped(asked.name_contains)}%"


def _escaped(text: str) -> str:
    return text.replace("/", "//").replace("%", "/%").replace("_", "/_")


def _key_values(name: str, key: Key | None) -> dict[str, Any]:
    return {f"{name}_{index}": value for index, value in enumerate(key or ())}


@cache
def _select_products(shape: _Shape) -> Select[Any]:
    conditions = [_CONDITIONS[name] for name in shape.conditions if name in _CONDITIONS]
    # The id is the last column of every order.
    selected = select_messages(*_columns(shape.order)[:-1])
    query = _between(selected, shape).where(*conditions)
    return query.limit(bindparam("limit"))


@cache
def _select_end(shape: _Shape) -> Select[Any]:
    return _between(select(*_columns(shape.order)), shape).offset(bindparam("passed_over")).limit(1)


def _between(query: Select[Any], shape: _Shape) -> Select[Any]:
    columns, downwards = _columns(shape.order), shape.order.is_descending
    beyond, within = (operator.lt, operator.ge) if downwards else (operator.gt, operator.le)
    if shape.has_after:
        query = query.where(_compared(columns, beyond, "after"))
    if shape.has_end:
        query = query.where(_compared(columns, within, "end"))
    return query.order_by(*(each.desc() if downwards else each.asc() for each in columns))


def _columns(order: Order) -> list[ColumnElement[Any]]:
    return [products.c[name] for name in order.columns]


def _compared(columns: list[ColumnElement[Any]], compare: Any, name: str) -> ColumnElement[bool]:
    key = [bindparam(f"{name}_{index}", type_=each.type) for index, each in enumerate(columns)]
    if len(key) == 1:
        compared: ColumnElement[bool] = compare(columns[0], key[0])
    else:
        compared = compare(tuple_(*columns), tuple_(*key))
    return compared
