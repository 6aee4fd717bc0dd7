"""Discounts out of a file, made at start where they are missing."""

import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from discount.model import BadBenefit, Benefit, Draft, FixedAmounts, Percentage, Proposal
from discount.store import Store
from discount.validation import check_new, in_discount
from runtime.clock import Micros
from runtime.errors import FieldViolation, InvalidArgument
from runtime.logs import get_logger
from runtime.main import StartError
from runtime.money import Money

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KEYS = {"code", "description", "percent", "amounts", "start", "end", "redemption_limit", "active"}
_HUNDREDTH = Decimal("0.01")

log = get_logger(__name__)


async def apply_codes_file(path: Path, store: Store, now: Micros) -> None:
    """Make the discounts of the file whose codes are not taken; StartError where it is wrong.

    Any number of replicas may do so at once. What was changed by hand stays; what was deleted by
    hand comes back, unless it is taken out of the file.
    """
    made = await store.create_missing(load_codes_file(path), now)
    if made:
        log.info("made discounts", codes=[each.code for each in made])


def load_codes_file(path: Path) -> dict[str, Draft]:
    """Return the discounts of the file; StartError with all that is wrong with it."""
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        raise StartError(f"--codes: {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StartError(f"--codes: {path}: is no TOML: {error}") from error
    drafts: dict[str, Draft] = {}
    problems = [
        f"{name}: only [[discount]] is known here" for name in content if name != "discount"
    ]
    tables = content.get("discount", [])
    if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        problems.append("discount: must be written as [[discount]]")
        tables = []
    for number, table in enumerate(tables, start=1):
        where = f"discount {table.get('code', number)}"
        try:
            code, draft = check_new(_proposal(table))
        except InvalidArgument as error:
            problems += [f"{where}: {_named_as_here(each)}" for each in error.violations]
        else:
            if code in drafts:
                problems.append(f"{where}: code: must not stand twice")
            drafts[code] = draft
    if problems:
        raise StartError("\n".join(f"--codes: {path}: {each}" for each in problems))
    return drafts


def _proposal(table: Mapping[str, Any]) -> Proposal:
    violations = list(_shape_violations(table))
    if violations:
        raise InvalidArgument(in_discount(violations))
    return Proposal(
        code=table["code"],
        description=table.get("description", ""),
        benefit=_benefit(table),
        start_time=_micros(table.get("start")),
        end_time=_micros(table.get("end")),
        redemption_limit=table.get("redemption_limit", 0),
        active=table.get("active", True),
    )


def _shape_violations(table: Mapping[str, Any]) -> Iterator[FieldViolation]:
    for name in sorted(set(table) - _KEYS):
        yield FieldViolation(name, f"is none of {', '.join(sorted(_KEYS))}")
    for name, kind, words in (
        ("code", str, "a text"),
        ("description", str, "a text"),
        ("percent", str, 'a text such as "12.5"'),
        ("amounts", dict, 'a table such as { EUR = "5.00" }'),
        ("redemption_limit", int, "a whole number"),
        ("active", bool, "true or false"),
    ):
        # A bool is an int to Python, and no number to anybody else.
        value = table.get(name)
        if value is not None and type(value) is not kind:
            yield FieldViolation(name, f"must be {words}")
    if "code" not in table:
        yield FieldViolation("code", "is required")
    if ("percent" in table) is ("amounts" in table):
        yield FieldViolation("percent", "or amounts must be given, and not both")
    for name in ("start", "end"):
        value = table.get(name)
        if value is not None and not (isinstance(value, datetime) and value.tzinfo):
            yield FieldViolation(name, "must be a time with its offset: 2027-01-01T00:00:00Z")


def _benefit(table: Mapping[str, Any]) -> Benefit | BadBenefit:
    if "percent" in table:
        try:
            percent = Decimal(table["percent"])
        except InvalidOperation:
            percent = Decimal("NaN")
        if not percent.is_finite() or percent % _HUNDREDTH or not 0 < percent <= 100:
            rule = "must be more than 0, at most 100, with two decimals at most"
            return BadBenefit((FieldViolation("percent", rule),))
        return Percentage(int(percent * 100))
    minor: dict[str, int] = {}
    violations = []
    for currency, amount in table["amounts"].items():
        field = f"amounts.{currency}"
        try:
            money = Money.parse(amount if isinstance(amount, str) else "", currency)
        except ValueError as error:
            violations.append(FieldViolation(field, str(error)))
            continue
        if money.minor <= 0:
            violations.append(FieldViolation(field, "must be more than zero"))
        minor[currency] = money.minor
    if not table["amounts"]:
        violations.append(FieldViolation("amounts", "must name at least one currency"))
    return BadBenefit(tuple(violations)) if violations else FixedAmounts(minor)


def _micros(time: datetime | None) -> Micros | None:
    return None if time is None else (time - _EPOCH) // timedelta(microseconds=1)


def _named_as_here(violation: FieldViolation) -> str:
    """Say the rule with the field's name in the file."""
    return str(violation).removeprefix("discount.").replace("_time: ", ": ")
