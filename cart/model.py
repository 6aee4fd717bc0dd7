"""What a cart is made of.

A time is whole microseconds since 1970 UTC and an amount whole minor units, as the database holds
them. What a cart has many of is a NamedTuple: it is built from a row at a third of the cost.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from runtime.clock import Micros

# A cart as the API sends it; only the servicer knows what is in it.
type Message = bytes
type LineKey = tuple[int, str, str, int, str, int]


class ItemIssue(IntEnum):
    """Why an item was not added, or was added otherwise than asked; numbered as in the API."""

    INVALID = 1
    PRODUCT_UNKNOWN = 2
    OUT_OF_STOCK = 3
    CURRENCY_MISMATCH = 4
    DISCOUNT_UNKNOWN = 5
    DISCOUNT_NOT_ACTIVE = 6
    DISCOUNT_EXHAUSTED = 7
    DISCOUNT_CURRENCY = 8
    DISCOUNT_UNAVAILABLE = 9
    QUANTITY_LIMIT = 10
    CART_FULL = 11


class Proposal(NamedTuple):
    """An item as a client sent it: nothing was looked at."""

    product_id: int
    color: str
    quantity: int
    discount_code: str


class Notice(NamedTuple):
    """What there is to say of one item of a batch."""

    place: int
    issue: ItemIssue
    field: str
    rule: str


class Wanted(NamedTuple):
    """An item that breaks no rule of its own; `code` is in upper case, None where none can be so.

    An empty code means that there is none.
    """

    place: int
    product_id: int
    color: str
    quantity: int
    code: str | None


class Draft(NamedTuple):
    """An item of a batch at its price, to be added as far as the cart has room."""

    place: int
    product_id: int
    sku: str
    name: str
    color: str
    quantity: int
    currency: str
    list_minor: int
    discount_code: str
    discount_minor: int

    @property
    def key(self) -> LineKey:
        """What it shares with the line to which it belongs."""
        return (
            self.product_id,
            self.color,
            self.currency,
            self.list_minor,
            self.discount_code,
            self.discount_minor,
        )


class Line(NamedTuple):
    """An item of a cart."""

    id: int
    product_id: int
    sku: str
    name: str
    color: str
    quantity: int
    currency: str
    list_minor: int
    discount_code: str
    discount_minor: int

    @property
    def key(self) -> LineKey:
        """What no two lines of a cart have in common."""
        return (
            self.product_id,
            self.color,
            self.currency,
            self.list_minor,
            self.discount_code,
            self.discount_minor,
        )

    @property
    def unit_minor(self) -> int:
        """The final price of one unit."""
        return self.list_minor - self.discount_minor


class Stamp(NamedTuple):
    """A state of a cart: what its etag says. No two states of any carts share one."""

    cart_id: int
    revision: int


class Head(NamedTuple):
    """A cart but for its lines."""

    id: int
    owner: str
    revision: int
    create_time: Micros
    update_time: Micros

    @property
    def stamp(self) -> Stamp:
        """The state that it is in."""
        return Stamp(self.id, self.revision)


class Totals(NamedTuple):
    """What lines come to; without any, there is no currency."""

    items: int
    units: int
    currency: str
    subtotal_minor: int
    discount_minor: int

    @property
    def total_minor(self) -> int:
        """What is to be paid."""
        return self.subtotal_minor - self.discount_minor


class Summary(NamedTuple):
    """A cart and what its lines come to, without them."""

    head: Head
    totals: Totals


class Cart(NamedTuple):
    """A cart with its lines, in order of their ids."""

    head: Head
    lines: list[Line]


type Encoder = Callable[[Cart], Message]


class EncodedCart(NamedTuple):
    """A cart as the API sends it, and its state."""

    stamp: Stamp
    message: Message


@dataclass(frozen=True, slots=True)
class Request:
    """What recognises a repeated creation, or a repeated batch, among those of an owner."""

    id: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class SentBatch:
    """A batch as a client sent it; an empty owner is the caller, or that of the batch before."""

    owner: str
    batch_id: str
    proposals: list[Proposal]
    allow_full_price: bool


@dataclass(frozen=True, slots=True)
class Priced:
    """Items at their prices, and what there is to say of the others."""

    drafts: list[Draft]
    rejected: list[Notice]
    warnings: list[Notice]


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of the items of a batch, in order of their place."""

    added: int
    rejected: list[Notice]
    warnings: list[Notice]


@dataclass(frozen=True, slots=True)
class Created[C]:
    """A new cart, or the one that the same request has made before."""

    cart: C
    result: BatchResult
    is_repeated: bool


@dataclass(frozen=True, slots=True)
class Added:
    """The cart after a batch, and what became of the batch, now or before."""

    cart: Summary
    result: BatchResult
    is_repeated: bool


@dataclass(slots=True)
class AddSummary:
    """What became of the batches of a stream so far."""

    cart: Summary | None = None
    added: int = 0
    rejected: int = 0
    repeated_batches: int = 0
    rejections: list[tuple[str, Notice]] = field(default_factory=list)
    warnings: list[tuple[str, Notice]] = field(default_factory=list)
