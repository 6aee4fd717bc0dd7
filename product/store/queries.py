"""Reads products as fast as the database gives them."""

from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select

from product.model import Encoder, Listed, Product
from product.store.tables import product_columns, products
from runtime.rows import fetch_rows

_MESSAGE = itemgetter(1)
_BY_IDS = select(*product_columns).where(products.c.id.in_(bindparam("ids", expanding=True)))


def select_messages(*columns: Any) -> Select[Any]:
    """Return a select of ids, messages and other columns, for `fetch_messages` to run."""
    return select(products.c.id, products.c.encoded, *columns)


def fetch_messages(
    connection: Connection, query: Select[Any], values: dict[str, Any], encode: Encoder
) -> list[Listed]:
    """Return the rows of a select of messages, all of them made."""
    rows = fetch_rows(connection, query, values)
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
