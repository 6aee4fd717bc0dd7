"""What must hold in the discounts' database once the shop is at rest."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from sqlite3 import Row

from e2e.shop.audit import rows
from e2e.shop.chaos.ledger import Code, Ledger, Redemption

type Redeemers = Mapping[str, set[str]]


def discount_faults(discount: Path, cart: Path, ledger: Ledger) -> Iterator[str]:
    """Say what Discount has lost, doubled or given away.

    - A code that was acknowledged is there, with its limit.
    - A limited code counts as many redemptions as it has redeemers, and no more than its limit.
    - Who was told to have a code is among its redeemers; who was told that it is used up is not,
      and it is.
    - There is no redeemer of ours who did not ask.
    - Whoever has an item in the cart with a limited code has redeemed it.
    """
    codes = {row["code"]: row for row in rows(discount, "SELECT * FROM discounts")}
    redeemers: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows(discount, "SELECT code, redeemer FROM redemptions"):
        redeemers[row["code"]].add(row["redeemer"])
    yield from _code_faults(codes, redeemers, ledger)
    yield from _redemption_faults(codes, redeemers, ledger)
    query = "SELECT DISTINCT owner, discount_code FROM cart_items JOIN carts ON carts.id = cart_id"
    for row in rows(cart, query):
        owner, code = row["owner"], row["discount_code"]
        if code in codes and codes[code]["redemption_limit"] and owner not in redeemers[code]:
            yield f"{owner} has {code} in the cart, and has not redeemed it"


def _code_faults(codes: Mapping[str, Row], redeemers: Redeemers, ledger: Ledger) -> Iterator[str]:
    for entry in ledger.of(Code):
        if entry.code not in codes:
            if entry.acknowledged:
                yield f"code {entry.code} was acknowledged, and is lost"
        elif codes[entry.code]["redemption_limit"] != entry.limit:
            yield f"code {entry.code} has another limit than {entry.limit}"
    for code, row in codes.items():
        counted, limit, has = row["redemption_count"], row["redemption_limit"], len(redeemers[code])
        if counted != has or (limit and counted > limit):
            yield f"code {code} counts {counted} of {limit}, and has {has} redeemers"


def _redemption_faults(
    codes: Mapping[str, Row], redeemers: Redeemers, ledger: Ledger
) -> Iterator[str]:
    asked = set()
    for entry in ledger.of(Redemption):
        asked.add((entry.code, entry.redeemer))
        has = entry.redeemer in redeemers[entry.code]
        if not entry.acknowledged:
            continue
        if has != entry.granted:
            told = "has" if entry.granted else "has not"
            yield f"{entry.redeemer} was told that it {told} {entry.code}, which is not so"
        row = codes.get(entry.code)
        if row and not entry.granted and row["redemption_count"] < row["redemption_limit"]:
            yield f"{entry.redeemer} was refused {entry.code}, which is not used up"
    for code, redeemer in _of_redeemers(redeemers) - asked:
        yield f"{redeemer} has redeemed {code} without asking"


def _of_redeemers(redeemers: Redeemers) -> set[tuple[str, str]]:
    """Return the redemptions that were asked of Discount itself, rather than through a cart."""
    return {
        (code, redeemer)
        for code, all_of_it in redeemers.items()
        for redeemer in all_of_it
        if redeemer.startswith("chaos-redeemer")
    }
