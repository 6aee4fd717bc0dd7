"""Recomputes from the databases what the shop says, with arithmetic of its own."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

_WHOLE = 10_000


@dataclass
class Account:
    """What the items of one cart come to, in minor units."""

    lines: int = 0
    units: int = 0
    subtotal: int = 0
    discount: int = 0
    currencies: set[str] = field(default_factory=set)
    quantities: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def total(self) -> int:
        """What is to be paid."""
        return self.subtotal - self.discount


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        database.row_factory = sqlite3.Row
        yield database


def accounts(cart: Path, discount: Path) -> Mapping[str, Account]:
    """Return the account of each cart by its owner.

    What a code takes off is computed anew from the code, and must be what the item has.
    """
    codes = _codes(discount)
    found: dict[str, Account] = {}
    with _reading(cart) as database:
        for row in database.execute("SELECT owner FROM carts"):
            found[row["owner"]] = Account()
        query = "SELECT carts.owner, cart_items.* FROM cart_items JOIN carts ON carts.id = cart_id"
        for row in database.execute(query):
            account, quantity = found[row["owner"]], row["quantity"]
            off = _off(codes, row)
            assert row["discount_minor"] == off, dict(row)
            assert 0 < quantity <= 9_999, dict(row)
            account.lines += 1
            account.units += quantity
            account.subtotal += quantity * row["list_minor"]
            account.discount += quantity * off
            account.currencies.add(row["currency"])
            account.quantities[row["product_id"]] += quantity
    return found


def _codes(discount: Path) -> dict[str, dict[str, Any]]:
    with _reading(discount) as database:
        return {row["code"]: dict(row) for row in database.execute("SELECT * FROM discounts")}


def _off(codes: Mapping[str, Mapping[str, Any]], item: sqlite3.Row) -> int:
    """Return what the item's code takes off one unit: rounded half up, never below a price of 0."""
    if not item["discount_code"]:
        return 0
    assert item["discount_code"] in codes, dict(item)
    code = codes[item["discount_code"]]
    if code["basis_points"] is None:
        amounts = json.loads(code["amounts"])
        return min(int(amounts[item["currency"]]), int(item["list_minor"]))
    exact = Decimal(item["list_minor"]) * code["basis_points"] / _WHOLE
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def batches(database: Path, table: str, prefix: str, *, key: str = "id") -> list[str]:
    """Return the ids of the batches that a database has committed, of those that begin so."""
    query = f"SELECT {key} FROM {table} WHERE substr({key}, 1, ?) = ?"  # noqa: S608 (names of ours)
    return [row[key] for row in rows(database, query, len(prefix), prefix)]


def count(database: Path, query: str, *values: object) -> int:
    """Return the one number that a query finds."""
    number: int = rows(database, query, *values)[0][0]
    return number


def rows(database: Path, query: str, *values: object) -> list[sqlite3.Row]:
    """Return all rows that a query finds."""
    with _reading(database) as found:
        return found.execute(query, values).fetchall()


def content(database: Path) -> list[str]:
    """Return all that a database holds, as SQL."""
    with _reading(database) as found:
        return [*found.iterdump()]
