"""Reads products as fast as the database gives them."""

from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select
from sqlalchemy.dialects import sqlite

from product.model import Encoder, Listed, Product
from product.tables import product_columns, products
from runtime.sqlite_connection import driver

_MESSAGE = itemgetter(1)
_BY_IDS = select(*product_columns).where(products.c.id.in_(bindparam("ids", expanding=True)))


def select_messages(*columns: Any) -> Select[Any]:
    """Return a select of ids, messages and other columns, for `fetch_messages` to run."""
    return select(products.c.id, products.c.encoded, *columns)


def fetch_messages(
    connection: Connection, query: Select[Any], values: dict[str, Any], encode: Encoder
) -> list[Listed]:
    """Return the rows of a select of messages, all of them made.

    Text, numbers and bytes need nothing done to them, so the driver's own rows are taken. On
    SQLite the driver runs the statement too: Core takes two thirds of the time of a read by id,
    and this is what GetProduct does, and a stream. On PostgreSQL the round trip is all that counts.
    """
    if connection.dialect.name == "sqlite":
        sql, constants = _sqlite_statement(query)
        rows = driver(connection).execute(sql, constants | values).fetchall()
    else:
        rows = _fetch_by_core(connection, query, values)
    return rows if all(map(_MESSAGE, rows)) else completed(connection, rows, encode)


def completed(connection: Connection, rows: list[Listed], encode: Encoder) -> list[Listed]:
    """Make the messages that the database does not hold."""
    if all(map(_MESSAGE, rows)):
        return rows
    ids = [row[0] for row in rows if row[1] is None]
    found = map(Product._make, connection.execute(_BY_IDS, {"ids": ids}))
    made = {each.id: encode(each) for each in found}
    # Outside of a snapshot a product may be gone by now.
    return [
        row if row[1] is not None else (row[0], made[row[0]], *row[2:])
        for row in rows
        if row[1] is not None or row[0] in made
    ]


def _fetch_by_core(
    connection: Connection, query: Select[Any], values: dict[str, Any]
) -> list[Listed]:
    cursor = connection.execute(query, values).cursor
    assert cursor is not None  # noqa: S101  (a select has one)
    return list(cursor.fetchall())


@lru_cache(1024)
def _sqlite_statement(query: Select[Any]) -> tuple[str, dict[str, Any]]:
    """Return the SQL, and the values that stand in the query itself."""
    compiled = query.compile(dialect=sqlite.dialect(paramstyle="named"))
    return str(compiled), {name: each for name, each in compiled.params.items() if each is not None}
