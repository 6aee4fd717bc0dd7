"""A short run of chaos; then what it left is damaged, to see that the audit says so."""

import asyncio
import copy
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path

import pytest

from e2e.shop.chaos.dice import dice
from e2e.shop.chaos.killer import victims
from e2e.shop.chaos.ledger import (
    KINDS,
    Addition,
    Code,
    Entry,
    Import,
    Ledger,
    NewCart,
    NewProduct,
    Quantity,
    Redemption,
)
from e2e.shop.chaos.run import Outcome, run
from e2e.shop.chaos.verdict import lost_or_doubled

pytestmark = pytest.mark.integration

SEED = 20261127
DURATION = timedelta(seconds=30)
PARTS = {"identity", "product", "discount", "cart", "product-worker", "cart-worker"}


@dataclass(frozen=True)
class Ended:
    """A run that is over, and the folder of its shop."""

    data: Path
    outcome: Outcome

    @property
    def ledger(self) -> Ledger:
        return self.outcome.ledger

    def some[E: Entry](self, kind: type[E], fits: Callable[[E], bool] = lambda _: True) -> E:
        """Return an entry that was acknowledged."""
        return next(each for each in self.ledger.of(kind) if each.acknowledged and fits(each))


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    data = tmp_path_factory.mktemp("data")
    data.chmod(0o700)
    return Ended(data, asyncio.run(run(data, DURATION, SEED)))


@pytest.fixture
def ended(original: Ended, tmp_path: Path) -> Ended:
    """A copy, to be damaged."""
    data = tmp_path / "data"
    shutil.copytree(original.data, data)
    return Ended(data, original.outcome)


def damage(ended: Ended, database: str, statement: str, *values: object) -> None:
    """Change one row of a database."""
    with closing(sqlite3.connect(ended.data / f"{database}.db")) as connection, connection:
        assert connection.execute(statement, values).rowcount == 1


def told(ended: Ended, ledger: Ledger | None = None) -> str:
    """Return all that the audit says."""
    return "\n".join(lost_or_doubled(ended.data, ledger or ended.ledger))


def test_the_same_seed_kills_the_same_parts_after_the_same_pauses() -> None:
    first, again, other = (
        list(islice(victims(sorted(PARTS), dice(seed, "killer")), 30)) for seed in (1, 1, 2)
    )
    assert first == again != other
    assert {name for _, name in first[:6]} == {name for _, name in first[6:12]} == PARTS


def test_all_that_was_acknowledged_is_there_exactly_once(original: Ended) -> None:
    assert original.outcome.faults == []


def test_every_part_is_killed(original: Ended) -> None:
    assert original.outcome.kills.keys() == PARTS
    assert all(original.outcome.kills.values())


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_of_write_is_acknowledged(original: Ended, kind: type[Entry]) -> None:
    acknowledged, _ = original.ledger.counts(kind)
    assert acknowledged


def test_batches_whose_answers_were_lost_are_recognised(original: Ended) -> None:
    assert original.ledger.recognised


def test_a_lost_import_is_reported(ended: Ended) -> None:
    batch = ended.some(Import).batch_id
    damage(ended, "product", "DELETE FROM import_batches WHERE batch_id = ?", batch)
    assert told(ended) == f"batch {batch} was acknowledged, and is lost"


def test_an_import_that_counted_otherwise_is_reported(ended: Ended) -> None:
    batch = ended.some(Import).batch_id
    statement = "UPDATE import_batches SET inserted = inserted - 1 WHERE batch_id = ?"
    damage(ended, "product", statement, batch)
    assert told(ended).startswith(f"batch {batch} is noted with")


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM products WHERE sku = ?",
        "UPDATE products SET price_minor = price_minor + 1 WHERE sku = ?",
    ],
)
def test_a_product_that_is_not_as_it_was_sent_is_reported(ended: Ended, statement: str) -> None:
    sku = ended.some(NewProduct).sku
    damage(ended, "product", statement, sku)
    assert f"product {sku} is " in told(ended)


def test_a_product_counted_twice_is_reported(ended: Ended) -> None:
    damage(ended, "product", "UPDATE catalogue SET products = products + 1")
    assert told(ended).startswith("the catalogue counts")


def test_a_lost_batch_of_a_cart_is_reported(ended: Ended) -> None:
    batch = ended.some(Addition)
    damage(ended, "cart", "DELETE FROM item_batches WHERE id = ?", batch.id)
    assert told(ended) == f"{batch.id} of {batch.owner} was acknowledged, and is lost"


def test_a_batch_of_a_cart_that_counts_twice_is_reported(ended: Ended) -> None:
    batch = ended.some(Addition, lambda each: 0 not in each.rejected)
    product_id, quantity, _ = batch.items[0]
    statement = """UPDATE cart_items SET quantity = quantity + ? WHERE (cart_id, id) = (
        SELECT cart_id, cart_items.id FROM cart_items JOIN carts ON carts.id = cart_id
        WHERE owner = ? AND product_id = ? LIMIT 1)"""
    damage(ended, "cart", statement, quantity, batch.owner, product_id)
    assert f"{batch.owner} has " in told(ended)
    assert f" of product {product_id}, and must have " in told(ended)


def test_a_batch_of_a_cart_that_nobody_sent_is_reported(ended: Ended) -> None:
    batch = ended.some(Addition)
    ledger = copy.deepcopy(ended.ledger)
    ledger._entries.remove(batch)
    assert f"{batch.id} of {batch.owner} is noted, and nobody sent it" in told(ended, ledger)


def test_a_lost_cart_is_reported(ended: Ended) -> None:
    owner = ended.some(NewCart).owner
    damage(ended, "cart", "DELETE FROM carts WHERE owner = ?", owner)
    assert f"the cart of {owner} is lost" in told(ended)


def test_a_lost_quantity_is_reported(ended: Ended) -> None:
    owner = ended.some(Quantity).owner
    statement = """UPDATE cart_items SET quantity = quantity - 1
        WHERE cart_id = (SELECT id FROM carts WHERE owner = ?)"""
    damage(ended, "cart", statement, owner)
    assert told(ended).startswith(f"{owner} has ")


def test_a_discount_that_its_code_does_not_give_is_reported(ended: Ended) -> None:
    statement = """UPDATE cart_items SET discount_minor = discount_minor + 1
        WHERE (cart_id, id) = (SELECT cart_id, id FROM cart_items LIMIT 1)"""
    damage(ended, "cart", statement)
    assert told(ended).startswith("an item is wrong")


def test_a_lost_code_is_reported(ended: Ended) -> None:
    redeemed = {each.code for each in ended.ledger.of(Redemption)}
    code = ended.some(Code, lambda each: each.code not in redeemed).code
    damage(ended, "discount", "DELETE FROM discounts WHERE code = ?", code)
    assert f"code {code} was acknowledged, and is lost" in told(ended)


def test_a_lost_redemption_is_reported(ended: Ended) -> None:
    had = ended.some(Redemption, lambda each: each.granted)
    statement = "DELETE FROM redemptions WHERE code = ? AND redeemer = ?"
    damage(ended, "discount", statement, had.code, had.redeemer)
    assert f"{had.redeemer} was told that it has {had.code}, which is not so" in told(ended)


def test_a_code_that_was_redeemed_too_often_is_reported(ended: Ended) -> None:
    code = ended.some(Redemption, lambda each: each.granted).code
    statement = "UPDATE discounts SET redemption_limit = redemption_count - 1 WHERE code = ?"
    damage(ended, "discount", statement, code)
    assert f"code {code} counts " in told(ended)


@pytest.mark.parametrize(
    ("worker", "database", "statement"),
    [
        ("product-worker", "product", "DELETE FROM import_batches WHERE batch_id LIKE ?"),
        ("cart-worker", "cart", "DELETE FROM item_batches WHERE id LIKE ?"),
    ],
)
def test_a_lost_batch_of_a_worker_is_reported(
    ended: Ended, worker: str, database: str, statement: str
) -> None:
    first = {"product": "generated/%/0/0", "cart": "visit/%/0"}[database]
    damage(ended, database, statement, first)
    assert told(ended).startswith(f"of {worker}'s batches [0] are lost")
