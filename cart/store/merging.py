"""Adds the items of a batch to the lines of a cart, each as far as there is room for it."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cart.model import Draft, ItemIssue, Line, LineKey, Notice
from cart.validation import MAX_LINES, MAX_QUANTITY


class Merged(NamedTuple):
    """The lines of the cart with the batch in it; of these the raised and the new ones."""

    lines: list[Line]
    raised: list[Line]
    new: list[Line]
    rejected: list[Notice]


def merge(lines: Sequence[Line], drafts: Iterable[Draft], next_id: int) -> Merged:
    """Return the lines that these items make, the new ones with ids from `next_id` on.

    An item that is in the cart raises its line. One that would pass a limit is rejected alone.
    """
    merged: dict[LineKey, Line] = {line.key: line for line in lines}
    before = dict(merged)
    rejected: list[Notice] = []
    for draft in drafts:
        notice = _refusal(merged, draft)
        if notice is not None:
            rejected.append(notice)
            continue
        line = merged.get(draft.key)
        if line is None:
            merged[draft.key] = Line(next_id, *draft[1:])
            next_id += 1
        else:
            merged[draft.key] = line._replace(quantity=line.quantity + draft.quantity)
    # What is new stands behind what was there: a dictionary keeps its order.
    made = list(merged.items())
    raised = [line for key, line in made[: len(before)] if line is not before[key]]
    return Merged(
        [line for _, line in made], raised, [line for _, line in made[len(before) :]], rejected
    )


def _refusal(merged: dict[LineKey, Line], draft: Draft) -> Notice | None:
    currency = next((line.currency for line in merged.values()), draft.currency)
    if draft.currency != currency:
        rule = f"is priced in {draft.currency}, and the cart is in {currency}"
        return Notice(draft.place, ItemIssue.CURRENCY_MISMATCH, "product_id", rule)
    line = merged.get(draft.key)
    if line is None:
        if len(merged) < MAX_LINES:
            return None
        rule = f"the cart is full: it holds {MAX_LINES} items"
        return Notice(draft.place, ItemIssue.CART_FULL, "product_id", rule)
    quantity = line.quantity + draft.quantity
    if quantity <= MAX_QUANTITY:
        return None
    rule = f"would make {quantity:,} of the item in the cart: {MAX_QUANTITY:,} at most"
    return Notice(draft.place, ItemIssue.QUANTITY_LIMIT, "quantity", rule)
