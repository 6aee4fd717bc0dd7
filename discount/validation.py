"""The rules of discounts: what a code, a benefit and a request may look like."""

import re
from collections.abc import Collection, Iterator, Sequence

from discount.model import BadBenefit, Draft, Percentage, Proposal
from runtime.errors import FieldViolation, InvalidArgument
from runtime.validation import refuse

MAX_BATCH = 200
MAX_BASIS_POINTS = 10_000
MAX_AMOUNTS = 50
MAX_REDEMPTIONS = 1_000_000_000

MUTABLE_FIELDS = (
    "description",
    "fixed",
    "basis_points",
    "start_time",
    "end_time",
    "redemption_limit",
    "active",
)
_BENEFIT = frozenset({"fixed", "basis_points"})

_CODE = re.compile(r"[A-Z0-9_-]{1,40}")
_CODE_RULE = "must be 1 to 40 characters out of A-Z 0-9 _ -"
_DESCRIPTION = re.compile(r"[^\x00-\x1f\x7f-\x9f]{0,400}")
_REDEEMER = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,200}")


def normal_code(code: str) -> str | None:
    """Return the code as it is stored, or None where no code can be like that.

    Only ASCII letters have two cases here: to others, Python gives an upper case of ASCII.
    """
    upper = code.upper() if code.isascii() else ""
    return upper if _CODE.fullmatch(upper) else None


def check_codes(codes: Sequence[str]) -> dict[str, str | None]:
    """Return each code of a batch as it is stored, by the way in which it was first written."""
    if not 1 <= len(codes) <= MAX_BATCH:
        raise refuse("codes", f"must be 1 to {MAX_BATCH} codes")
    found: dict[str, str | None] = {}
    seen: set[str] = set()
    for code in codes:
        normal = normal_code(code)
        key = code if normal is None else normal
        if key not in seen:
            seen.add(key)
            found[code] = normal
    return found


def check_redeemer(redeemer: str) -> str:
    """Return who redeems."""
    if not _REDEEMER.fullmatch(redeemer):
        raise refuse("redeemer", "must be 1 to 200 characters, none a control character")
    return redeemer


def check_mask(paths: Collection[str]) -> frozenset[str]:
    """Return the fields to change; where one kind of benefit is named, both kinds are."""
    known = ", ".join(MUTABLE_FIELDS)
    if not paths:
        raise refuse("update_mask", f"must name at least one of {known}, or *")
    for path in paths:
        if path != "*" and path not in MUTABLE_FIELDS:
            raise refuse("update_mask", f"must name only {known}, or *: not {path[:64]!r}")
    fields = frozenset(MUTABLE_FIELDS if "*" in paths else paths)
    return fields | _BENEFIT if fields & _BENEFIT else fields


def violations(
    proposal: Proposal, fields: Collection[str] = MUTABLE_FIELDS
) -> Iterator[FieldViolation]:
    """Yield each rule that these fields break, named as in a Discount."""
    if "description" in fields and not _DESCRIPTION.fullmatch(proposal.description):
        rule = "must be up to 400 characters, none a control character"
        yield FieldViolation("description", rule)
    if "fixed" in fields:
        yield from _benefit_violations(proposal)
    if "end_time" in fields and "start_time" in fields:
        start, end = proposal.start_time, proposal.end_time
        if start is not None and end is not None and start >= end:
            yield end_not_later()
    if "redemption_limit" in fields and not 0 <= proposal.redemption_limit <= MAX_REDEMPTIONS:
        yield FieldViolation("redemption_limit", f"must be 0 to {MAX_REDEMPTIONS:,}")


def _benefit_violations(proposal: Proposal) -> Iterator[FieldViolation]:
    match proposal.benefit:
        case BadBenefit(found):
            yield from found
        case Percentage(points) if not 1 <= points <= MAX_BASIS_POINTS:
            yield FieldViolation("basis_points", f"must be 1 to {MAX_BASIS_POINTS:,}")


def end_not_later(field: str = "end_time") -> FieldViolation:
    """Return the rule that a discount has to last."""
    return FieldViolation(field, "must be later than start_time")


def check_new(proposal: Proposal) -> tuple[str, Draft]:
    """Return the code and the rest of a discount to be created."""
    code = normal_code(proposal.code)
    found = [] if code else [FieldViolation("code", _CODE_RULE)]
    found += violations(proposal)
    if code is None or found:
        raise InvalidArgument(in_discount(found))
    return code, draft_of(proposal)


def check_changes(proposal: Proposal, fields: Collection[str]) -> None:
    """Accept these fields of a discount that is there."""
    found = list(violations(proposal, fields))
    if found:
        raise InvalidArgument(in_discount(found))


def in_discount(found: Collection[FieldViolation]) -> list[FieldViolation]:
    """Return the violations as those of a request that holds the discount."""
    return [FieldViolation(f"discount.{each.field}", each.rule) for each in found]


def draft_of(proposal: Proposal) -> Draft:
    """Return a proposal that breaks no rule as what is to be stored."""
    assert not isinstance(proposal.benefit, BadBenefit)  # noqa: S101  (it breaks a rule)
    return Draft(
        proposal.description,
        proposal.benefit,
        proposal.start_time,
        proposal.end_time,
        proposal.redemption_limit,
        proposal.active,
    )
