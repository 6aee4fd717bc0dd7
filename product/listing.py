"""Selects a part of a listing in bounded time, however few products the filter lets through."""

import operator
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, tuple_

from product.model import EVERYTHING, Filter, Key, Listing, Order, Product, Slice
from product.tables import products

# The most products that one slice passes over. On SQLite a read holds up the event loop, with
# this for some milliseconds.
_SLICE = 2000


def select_slice(connection: Connection, listing: Listing, after: Key | None, limit: int) -> Slice:
    """Return up to `limit` products that follow `after`."""
    order = listing.order
    end = None
    query = select(products).where(*_conditions(listing.filter)).limit(limit)
    if after is not None:
        query = query.where(_follows(order, after))
    if listing.filter != EVERYTHING:
        end = _slice_end(connection, order, after)
    if end is not None:
        query = query.where(_reaches(order, end))
    found = [Product._make(row) for row in connection.execute(query.order_by(*_sorting(order)))]
    return Slice(found, order.key(found[-1]) if len(found) == limit else end)


def _slice_end(connection: Connection, order: Order, after: Key | None) -> Key | None:
    """Return the key of the last product of the slice; None where the listing ends before."""
    query = select(*_columns(order)).order_by(*_sorting(order)).offset(_SLICE - 1).limit(1)
    if after is not None:
        query = query.where(_follows(order, after))
    row = connection.execute(query).first()
    return None if row is None else tuple(row)


def _conditions(asked: Filter) -> Iterator[ColumnElement[bool]]:
    if asked.statuses:
        yield products.c.status.in_(asked.statuses)
    if asked.currency:
        yield products.c.currency == asked.currency
    if asked.min_minor is not None:
        yield products.c.price_minor >= asked.min_minor
    if asked.max_minor is not None:
        yield products.c.price_minor <= asked.max_minor
    if asked.name_contains:
        # The column's order is by code point, in which only ASCII letters have two cases.
        yield products.c.name.icontains(asked.name_contains, autoescape=True)


def _columns(order: Order) -> list[ColumnElement[Any]]:
    return [products.c[name] for name in order.columns]


def _sorting(order: Order) -> list[ColumnElement[Any]]:
    return [each.desc() if order.is_descending else each.asc() for each in _columns(order)]


def _follows(order: Order, key: Key) -> ColumnElement[bool]:
    return _compared(order, operator.lt if order.is_descending else operator.gt, key)


def _reaches(order: Order, key: Key) -> ColumnElement[bool]:
    return _compared(order, operator.ge if order.is_descending else operator.le, key)


def _compared(order: Order, compare: Callable[[Any, Any], Any], key: Key) -> ColumnElement[bool]:
    columns = _columns(order)
    place = columns[0] if len(columns) == 1 else tuple_(*columns)
    compared: ColumnElement[bool] = compare(place, key[0] if len(key) == 1 else key)
    return compared
