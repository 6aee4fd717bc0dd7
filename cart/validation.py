"""The rules of what a client may ask of a cart."""

import re
from collections.abc import Iterable, Iterator

from cart.model import ItemIssue, Notice, Proposal, Wanted
from runtime.errors import FieldViolation, InvalidArgument
from runtime.validation import refuse

MAX_LINES = 500
MAX_QUANTITY = 9_999
MAX_CREATE_ITEMS = 200
MAX_BATCH_ITEMS = 1_000
MAX_STREAM_ITEMS = 10_000

# As Discount has them, in either case.
_CODE = re.compile(r"[A-Za-z0-9_-]{1,40}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LONGEST_COLOR = 40

_ID_RULE = "must be 1 or greater"
_COLOR_RULE = "must be up to 40 characters, not blank, none a control character"
_QUANTITY_RULE = f"must be 1 to {MAX_QUANTITY:,}"


def check_items(count: int, least: int, most: int, field: str = "items") -> None:
    """Accept so many items."""
    if not least <= count <= most:
        bounds = f"{least} to {most:,}" if least else f"up to {most:,}"
        raise refuse(field, f"must be {bounds} items")


def check_change(item_id: int, quantity: int) -> None:
    """Accept a new quantity of an item."""
    violations = []
    if item_id < 1:
        violations.append(FieldViolation("item_id", _ID_RULE))
    if not 1 <= quantity <= MAX_QUANTITY:
        rule = f"{_QUANTITY_RULE}; RemoveItem takes the item out"
        violations.append(FieldViolation("quantity", rule))
    if violations:
        raise InvalidArgument(violations)


def check_item_id(item_id: int) -> None:
    """Accept the id of an item."""
    if item_id < 1:
        raise refuse("item_id", _ID_RULE)


def sort_out(proposals: Iterable[Proposal]) -> tuple[list[Wanted], list[Notice]]:
    """Return the items that break no rule, and the first rule that each other one breaks."""
    wanted: list[Wanted] = []
    rejected: list[Notice] = []
    for place, proposal in enumerate(proposals):
        broken = next(_violations(proposal), None)
        if broken is None:
            wanted.append(_wanted(place, proposal))
        else:
            rejected.append(Notice(place, ItemIssue.INVALID, broken.field, broken.rule))
    return wanted, rejected


def _violations(proposal: Proposal) -> Iterator[FieldViolation]:
    if proposal.product_id < 1:
        yield FieldViolation("product_id", _ID_RULE)
    if not _is_color(proposal.color):
        yield FieldViolation("color", _COLOR_RULE)
    if not 1 <= proposal.quantity <= MAX_QUANTITY:
        yield FieldViolation("quantity", _QUANTITY_RULE)


def _is_color(sent: str) -> bool:
    color = sent.strip()
    return bool(color or not sent) and len(color) <= _LONGEST_COLOR and not _CONTROL.search(sent)


def _wanted(place: int, proposal: Proposal) -> Wanted:
    product_id, color, quantity, sent = proposal
    code = sent.upper() if not sent or _CODE.fullmatch(sent) else None
    return Wanted(place, product_id, color.strip(), quantity, code)
