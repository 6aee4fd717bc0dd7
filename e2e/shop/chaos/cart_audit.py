"""What must hold in the carts' database once the shop is at rest."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from e2e.shop.audit import Account, accounts, rows
from e2e.shop.chaos.ledger import OURS, Basket, Ledger, NewCart, Quantity

type Noted = Mapping[tuple[str, str], Mapping[str, Any]]
type Quantities = defaultdict[str, Counter[int]]


def cart_faults(cart: Path, discount: Path, ledger: Ledger) -> Iterator[str]:
    """Say what the carts have lost, doubled or made up.

    - A batch, or the creation of a cart, that was acknowledged is noted, with the items left out
      of which its sender was told, and no others.
    - One that was not is noted, with all items but those that its note leaves out in the cart, or
      not at all.
    - The units of each product in a cart are the sum of what is noted for it: nothing was added
      twice. A quantity that was set is the last one acknowledged.
    - There is no batch and no cart of ours that nobody sent.
    - No item has another discount than its code gives.
    """
    try:
        found = accounts(cart, discount)
    except AssertionError as error:
        yield f"an item is wrong: {error}"
        return
    noted = _noted(cart)
    expected: Quantities = defaultdict(Counter)
    for basket in ledger.of(Basket):
        yield from _basket_faults(basket, noted.get((basket.owner, basket.id)), expected)
    yield from _strays(ledger, noted)
    yield from _quantity_faults(ledger, found)
    ours = {owner: account for owner, account in found.items() if owner.startswith(OURS)}
    setters = {each.owner for each in ledger.of(Quantity)}
    made = {new.owner for new in ledger.of(NewCart) if (new.owner, new.id) in noted}
    for owner in sorted(made ^ ours.keys() - setters):
        yield f"the cart of {owner} is {'there' if owner in ours else 'lost'} against its note"
    for owner in sorted(expected.keys() | made):
        yield from _account_faults(owner, expected[owner], found.get(owner, Account()))


def _noted(cart: Path) -> Noted:
    """Return what became of each request and batch of ours, by owner and id."""
    query = (
        "SELECT owner, id, result FROM cart_requests "
        "UNION ALL SELECT owner, id, result FROM item_batches"
    )
    return {
        (row["owner"], row["id"]): json.loads(row["result"])
        for row in rows(cart, query)
        if row["owner"].startswith(OURS)
    }


def _basket_faults(
    basket: Basket, result: Mapping[str, Any] | None, expected: Quantities
) -> Iterator[str]:
    """Check one note, and add to what its cart must hold."""
    rejected = basket.rejected
    if result is not None:
        rejected = frozenset(place for place, *_ in result["rejected"])
        if basket.acknowledged and rejected != basket.rejected:
            yield f"{basket.id} leaves out {set(rejected)}, and told of {set(basket.rejected)}"
        if result["added"] != len(basket.items) - len(rejected):
            yield f"{basket.id} is noted with {result['added']} of {len(basket.items)} items"
    elif basket.acknowledged:
        yield f"{basket.id} of {basket.owner} was acknowledged, and is lost"
    if result is None and not basket.acknowledged:
        return
    for place, item in enumerate(basket.items):
        if place not in rejected:
            expected[basket.owner][item.product_id] += item.quantity


def _strays(ledger: Ledger, noted: Noted) -> Iterator[str]:
    sent = {(basket.owner, basket.id) for basket in ledger.of(Basket)}
    for owner, batch in sorted(noted.keys() - sent):
        yield f"{batch} of {owner} is noted, and nobody sent it"


def _quantity_faults(ledger: Ledger, found: Mapping[str, Account]) -> Iterator[str]:
    last = {each.owner: each for each in ledger.of(Quantity) if each.acknowledged}
    for owner, each in last.items():
        has = dict(found[owner].quantities) if owner in found else None
        if has != {each.product_id: each.quantity}:
            yield f"{owner} has {has}, and set {each.quantity} of {each.product_id} last"


def _account_faults(owner: str, expected: Counter[int], account: Account) -> Iterator[str]:
    for product_id in sorted(expected.keys() | account.quantities.keys()):
        units, wanted = account.quantities.get(product_id, 0), expected[product_id]
        if units != wanted:
            yield f"{owner} has {units} of product {product_id}, and must have {wanted}"
