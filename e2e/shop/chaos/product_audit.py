"""What must hold in the catalogue's database once the shop is at rest."""

import json
from collections.abc import Iterator
from pathlib import Path

from e2e.shop.audit import count, rows
from e2e.shop.chaos.ledger import Import, Ledger, NewProduct, Row
from e2e.shop.chaos.products import CURRENCY


def product_faults(product: Path, ledger: Ledger) -> Iterator[str]:
    """Say what the catalogue has lost, doubled or made up.

    - A batch that was acknowledged is noted once, with as many new products as there were.
    - A batch that was not is noted with all of its rows in the catalogue, or not at all.
    - A product is as the last of its batches that is noted says; one that was created has the id
      that Product told its creator.
    - There is no product of ours that nobody sent.
    - The catalogue counts its products rightly.
    """
    expected: dict[str, Row] = {}
    yield from _batch_faults(product, ledger, expected)
    yield from _creation_faults(product, ledger, expected)
    found = {
        row["sku"]: Row(row["name"], row["price_minor"])
        for row in rows(product, "SELECT * FROM products WHERE currency = ?", CURRENCY)
        if row["sku"] in expected or _is_ours(row["sku"])
    }
    for sku in sorted(expected.keys() | found.keys()):
        if found.get(sku) != expected.get(sku):
            yield f"product {sku} is {found.get(sku)}, and must be {expected.get(sku)}"
    counted = count(product, "SELECT products FROM catalogue")
    if counted != (there := count(product, "SELECT count(*) FROM products")):
        yield f"the catalogue counts {counted} products, and has {there}"


def _is_ours(sku: str) -> bool:
    return sku.startswith(("chaos-", "SHELF-"))


def _batch_faults(product: Path, ledger: Ledger, expected: dict[str, Row]) -> Iterator[str]:
    noted = {row["batch_id"]: row for row in rows(product, "SELECT * FROM import_batches")}
    for entry in ledger.of(Import):
        row = noted.get(entry.batch_id)
        if row is None and entry.acknowledged:
            yield f"batch {entry.batch_id} was acknowledged, and is lost"
        if row is not None:
            counts = row["inserted"], row["updated"], json.loads(row["rejections"])
            if counts != (entry.new, len(entry.rows) - entry.new, []):
                yield f"batch {entry.batch_id} is noted with {counts}, {entry.new} were new"
        if row is not None or entry.acknowledged:
            expected |= entry.rows


def _creation_faults(product: Path, ledger: Ledger, expected: dict[str, Row]) -> Iterator[str]:
    query = "SELECT request_id, product_id, sku FROM create_requests LEFT JOIN products"
    noted = {row["request_id"]: row for row in rows(product, f"{query} ON id = product_id")}
    for entry in ledger.of(NewProduct):
        row = noted.get(entry.request_id)
        if row is None and entry.acknowledged:
            yield f"product {entry.sku} was created, and its request is lost"
        if row is not None and row["sku"] != entry.sku:
            yield f"the request for {entry.sku} made product {row['sku']}"
        if row is not None and entry.acknowledged and row["product_id"] != entry.product_id:
            yield f"product {entry.sku} has id {row['product_id']}, and had {entry.product_id}"
        if row is not None or entry.acknowledged:
            expected[entry.sku] = entry.row
