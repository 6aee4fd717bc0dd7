"""Whether a shop at rest has everything that it acknowledged, exactly once."""

from collections.abc import Iterator
from pathlib import Path

from e2e.shop.audit import rows
from e2e.shop.chaos.cart_audit import cart_faults
from e2e.shop.chaos.discount_audit import discount_faults
from e2e.shop.chaos.ledger import Ledger
from e2e.shop.chaos.product_audit import product_faults
from e2e.shop.chaos.worker_audit import worker_faults
from e2e.shop.running import PRODUCTS_AN_INTERVAL

_DATABASES = ("identity", "product", "discount", "cart")


def lost_or_doubled(data: Path, ledger: Ledger) -> list[str]:
    """Return what is wrong in the folder of a shop that has ended; see each audit for its rules."""
    product, discount, cart = (data / f"{name}.db" for name in _DATABASES[1:])
    return [
        *_damage(data),
        *product_faults(product, ledger),
        *cart_faults(cart, discount, ledger),
        *discount_faults(discount, cart, ledger),
        *worker_faults(data, products=PRODUCTS_AN_INTERVAL),
    ]


def _damage(data: Path) -> Iterator[str]:
    for name in _DATABASES:
        for row in rows(data / f"{name}.db", "PRAGMA integrity_check"):
            if row[0] != "ok":
                yield f"{name}.db is damaged: {row[0]}"
