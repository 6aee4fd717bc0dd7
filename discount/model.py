"""What a discount is. Times are whole microseconds since 1970 UTC, as the database holds them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from runtime.clock import Micros
from runtime.errors import FieldViolation


class State(IntEnum):
    """Whether a code is good, and if not, why; numbered as in the API."""

    ACTIVE = 1
    UNKNOWN = 2
    INACTIVE = 3
    NOT_STARTED = 4
    EXPIRED = 5
    EXHAUSTED = 6


@dataclass(frozen=True, slots=True)
class Percentage:
    """A share of the price, in basis points."""

    basis_points: int


@dataclass(frozen=True, slots=True)
class FixedAmounts:
    """What is taken off, in minor units by currency."""

    minor: Mapping[str, int]


type Benefit = Percentage | FixedAmounts


@dataclass(frozen=True, slots=True)
class BadBenefit:
    """A benefit that breaks rules, which are named as in a Discount."""

    violations: tuple[FieldViolation, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """What a client decides of a discount."""

    description: str
    benefit: Benefit
    start_time: Micros | None
    end_time: Micros | None
    redemption_limit: int
    active: bool


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a client sent for a discount: nothing but the shape was looked at."""

    code: str
    description: str
    benefit: Benefit | BadBenefit
    start_time: Micros | None
    end_time: Micros | None
    redemption_limit: int
    active: bool


@dataclass(frozen=True, slots=True)
class Discount:
    """A discount as it is stored. `revision` is drawn anew with each change by hand."""

    code: str
    draft: Draft
    redemption_count: int
    create_time: Micros
    update_time: Micros
    revision: int

    def state(self, now: Micros, *, is_redeemed: bool = False) -> State:
        """Return whether it is good at this time, for somebody who has redeemed it or has not."""
        draft = self.draft
        if not draft.active:
            return State.INACTIVE
        if draft.start_time is not None and now < draft.start_time:
            return State.NOT_STARTED
        if draft.end_time is not None and now >= draft.end_time:
            return State.EXPIRED
        if draft.redemption_limit and self.redemption_count >= draft.redemption_limit:
            return State.ACTIVE if is_redeemed else State.EXHAUSTED
        return State.ACTIVE


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of a code that was asked for; no discount where the code is unknown."""

    code: str
    state: State
    discount: Discount | None = None
