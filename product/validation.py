"""The rules of the catalogue: what a product, a query and a batch may look like."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from product.model import BadPrice, Column, Draft, Filter, Proposal, Rejection, Status
from runtime.currencies import EXPONENTS
from runtime.errors import FieldViolation, InvalidArgument
from runtime.money import Money
from runtime.validation import check_batch_id, refuse

MAX_BATCH_GET = 200
MAX_BATCH_ROWS = 1000
MAX_CHUNK = 1000
MAX_NAME_SEARCH = 200

MUTABLE_FIELDS = ("sku", "name", "description", "price", "status")

_SKU = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NAME = re.compile(r"(?=.*\S)[^\x00-\x1f\x7f-\x9f]{1,200}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LONGEST_DESCRIPTION = 4000
_DESCRIPTION = re.compile(rf"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]{{0,{_LONGEST_DESCRIPTION}}}")
_STATUSES = frozenset(Status)

_NAME_RULE = "must be 1 to 200 characters, not all blank, none a control character"
_DESCRIPTION_RULE = "must be up to 4,000 characters, none a control character but line breaks"
_STATUS_RULE = "must be IN_STOCK, LOW or OUT_OF_STOCK"


def check_id(value: int, field: str = "id") -> int:
    """Return a product's id."""
    if value < 1:
        raise refuse(field, "must be 1 or greater")
    return value


def check_ids(ids: Sequence[int]) -> list[int]:
    """Return the ids of a batch, each once, in the order in which they came."""
    if not 1 <= len(ids) <= MAX_BATCH_GET:
        raise refuse("ids", f"must be 1 to {MAX_BATCH_GET} ids")
    violations = [
        FieldViolation(f"ids[{index}]", "must be 1 or greater")
        for index, each in enumerate(ids)
        if each < 1
    ]
    if violations:
        raise InvalidArgument(violations)
    return list(dict.fromkeys(ids))


def check_batch(batch_id: str, rows: int) -> None:
    """Accept a batch of so many rows."""
    check_batch_id(batch_id)
    if not 1 <= rows <= MAX_BATCH_ROWS:
        raise refuse("products", f"must be 1 to {MAX_BATCH_ROWS:,} products")


def check_filter(asked: Filter) -> Filter:
    """Return the filter in the one form that all its equals share."""
    violations = list(_filter_violations(asked))
    if violations:
        raise InvalidArgument(violations)
    return Filter(
        statuses=tuple(sorted(set(asked.statuses))),
        currency=asked.currency,
        min_minor=asked.min_minor,
        max_minor=asked.max_minor,
        name_contains=asked.name_contains,
    )


def _filter_violations(asked: Filter) -> Iterator[FieldViolation]:
    if len(asked.statuses) > len(Status):
        yield FieldViolation("filter.statuses", f"must be at most {len(Status)} statuses")
    elif not _STATUSES.issuperset(asked.statuses):
        yield FieldViolation("filter.statuses", f"each {_STATUS_RULE}")
    if asked.currency and asked.currency not in EXPONENTS:
        yield FieldViolation("filter.currency_code", "must be an active ISO 4217 currency code")
    low, high = asked.min_minor, asked.max_minor
    if low is not None and high is not None and low > high:
        yield FieldViolation("filter.max_price", "must be no less than min_price")
    if len(asked.name_contains) > MAX_NAME_SEARCH:
        yield FieldViolation("filter.name_contains", f"must be up to {MAX_NAME_SEARCH} characters")
    elif _CONTROL.search(asked.name_contains):
        yield FieldViolation("filter.name_contains", "must hold no control character")


def check_chunk_size(size: int, default: int) -> int:
    """Return how many products a message of a stream holds."""
    if not 0 <= size <= MAX_CHUNK:
        raise refuse("chunk_size", f"must be 0 to {MAX_CHUNK:,}")
    return size or default


def check_mask(paths: Collection[str]) -> Collection[str]:
    """Return the names of the fields to change."""
    known = ", ".join(MUTABLE_FIELDS)
    if not paths:
        raise refuse("update_mask", f"must name at least one of {known}, or *")
    for path in paths:
        if path != "*" and path not in MUTABLE_FIELDS:
            raise refuse("update_mask", f"must name only {known}, or *: not {path[:64]!r}")
    return MUTABLE_FIELDS if "*" in paths else paths


def violations(
    proposal: Proposal, fields: Collection[str] = MUTABLE_FIELDS
) -> Iterator[FieldViolation]:
    """Yield each rule that these fields break, named as in a Product."""
    if "sku" in fields and not _SKU.fullmatch(proposal.sku):
        yield FieldViolation("sku", "must be 1 to 64 characters out of A-Z a-z 0-9 . _ -")
    if "name" in fields and not _NAME.fullmatch(proposal.name):
        yield FieldViolation("name", _NAME_RULE)
    if "description" in fields and not _DESCRIPTION.fullmatch(proposal.description):
        yield FieldViolation("description", _DESCRIPTION_RULE)
    if "price" in fields and isinstance(proposal.price, BadPrice):
        yield from proposal.price.violations
    if "status" in fields and proposal.status not in _STATUSES:
        yield FieldViolation("status", _STATUS_RULE)


def check_proposal(proposal: Proposal, fields: Collection[str] = MUTABLE_FIELDS) -> None:
    """Accept these fields of `product`."""
    found = [
        FieldViolation(f"product.{each.field}", each.rule) for each in violations(proposal, fields)
    ]
    if found:
        raise InvalidArgument(found)


def columns_of(proposal: Proposal, fields: Collection[str]) -> dict[str, Column]:
    """Return these fields, which break no rule, as the columns to store."""
    columns: dict[str, Column] = {
        field: getattr(proposal, field) for field in fields if field != "price"
    }
    if "price" in fields and isinstance(proposal.price, Money):
        columns |= {"currency": proposal.price.currency, "price_minor": proposal.price.minor}
    return columns


def _breaks_none(proposal: Proposal) -> bool:
    """Say of nearly every row of an import, in a third of the time, that it has no violations.

    False means only that `violations` must be asked. A printable text has no control character.
    """
    sku, name, description, price, status = proposal
    return (
        _SKU.fullmatch(sku) is not None
        and _NAME.fullmatch(name) is not None
        and description.isprintable()
        and len(description) <= _LONGEST_DESCRIPTION
        and type(price) is Money
        and status in _STATUSES
    )


def sort_out(proposals: Iterable[Proposal]) -> tuple[list[Draft], list[Rejection]]:
    """Return what is to be stored of a batch, and the first rule that each other row breaks."""
    drafts: dict[str, Draft] = {}
    rejections: list[Rejection] = []
    for index, proposal in enumerate(proposals):
        broken = None if _breaks_none(proposal) else next(violations(proposal), None)
        if broken is not None:
            rejections.append(Rejection(index, broken.field, broken.rule))
        elif proposal.sku in drafts:
            rejections.append(Rejection(index, "sku", "must not stand twice in a batch"))
        else:
            drafts[proposal.sku] = draft_of(proposal)
    return list(drafts.values()), rejections


def draft_of(proposal: Proposal) -> Draft:
    """Return a proposal that breaks no rule as what is to be stored."""
    sku, name, description, price, status = proposal
    assert isinstance(price, Money)  # noqa: S101  (another price breaks a rule)
    return Draft(sku, name, description, price.currency, price.minor, status)
