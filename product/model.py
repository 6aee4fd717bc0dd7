"""What the catalogue is made of.

What there is one of for each product is a NamedTuple, not a dataclass: it is built from a row of
the database at a third of the cost, and a stream builds hundreds of thousands a second. For the
same reason a time is whole microseconds since 1970 UTC, as the database holds it.
"""

from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Any, NamedTuple, Protocol

from runtime.clock import Micros
from runtime.errors import FieldViolation
from runtime.money import Money

type Key = tuple[int | str, ...]
type Column = int | str
# A product as the API sends it; only the servicer knows what is in it.
type Message = bytes


class Status(IntEnum):
    """Whether a product can be bought; numbered as in the API."""

    IN_STOCK = 1
    LOW = 2
    OUT_OF_STOCK = 3


class Product(NamedTuple):
    """A product as it is stored."""

    id: int
    sku: str
    name: str
    description: str
    currency: str
    price_minor: int
    status: int
    create_time: Micros
    update_time: Micros
    revision: int


class Encoder(Protocol):
    """Makes the message of a product, always the same bytes for the same product."""

    def __call__(self, product: Product, /) -> Message:
        """Return the bytes."""
        ...


class Draft(NamedTuple):
    """What a client decides of a product, and no rule is broken."""

    sku: str
    name: str
    description: str
    currency: str
    price_minor: int
    status: int


class BadPrice(NamedTuple):
    """A price as it was sent, and what is wrong with it."""

    currency: str
    units: int
    nanos: int
    violations: tuple[FieldViolation, ...]


class Proposal(NamedTuple):
    """What a client sent for a product: nothing but the price was looked at."""

    sku: str
    name: str
    description: str
    price: Money | BadPrice
    status: int


@dataclass(frozen=True, slots=True)
class Filter:
    """Which products are meant; what is empty does not restrict."""

    statuses: tuple[int, ...] = ()
    currency: str = ""
    min_minor: int | None = None
    max_minor: int | None = None
    name_contains: str = ""


EVERYTHING = Filter()


class Order(Enum):
    """How a listing is ordered: by columns of Product, the last one its id, in one direction."""

    ID = (("id",), False)
    NAME = (("name", "id"), False)
    PRICE = (("currency", "price_minor", "id"), False)
    PRICE_DESCENDING = (("currency", "price_minor", "id"), True)
    NEWEST = (("id",), True)

    def __init__(self, columns: tuple[str, ...], is_descending: bool) -> None:
        self.columns = columns
        self.is_descending = is_descending

    @property
    def key_shape(self) -> tuple[type[int | str], ...]:
        """The types of the columns."""
        return tuple(str if each in {"name", "currency"} else int for each in self.columns)


@dataclass(frozen=True, slots=True)
class Listing:
    """A query over the catalogue; a page token belongs to one."""

    filter: Filter
    order: Order


# The id of a product, its message, and the columns of the order but for the id, which is the last.
type Listed = tuple[Any, ...]


def key_of(row: Listed) -> Key:
    """Return the product's place in the order."""
    return (*row[2:], row[0])


class Slice(NamedTuple):
    """Part of a listing, found in bounded time."""

    rows: list[Listed]
    resume: Key | None
    """Where to go on, which may be past the last product; None at the listing's end."""

    @property
    def messages(self) -> list[Message]:
        """The products alone."""
        return [row[1] for row in self.rows]


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """What recognises a repeated creation."""

    request_id: str
    digest: bytes


class Rejection(NamedTuple):
    """A row of a batch that was not stored."""

    row: int
    field: str
    rule: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that are imported in one transaction."""

    batch_id: str
    digest: bytes
    drafts: list[Draft]
    rejections: list[Rejection]


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of a batch; `updated` counts the unchanged ones as well."""

    inserted: int
    updated: int
    unchanged: int
    rejections: list[Rejection]
    revision: int
    is_repeated: bool


@dataclass(slots=True)
class ImportSummary:
    """What became of an import so far."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    repeated_batches: int = 0
    rejections: list[tuple[str, Rejection]] = field(default_factory=list)


class Extent(NamedTuple):
    """How far the catalogue goes."""

    revision: int
    products: int


class Change(NamedTuple):
    """A product was stored, or deleted where `message` is None."""

    revision: int
    product_id: int
    message: Message | None


class Changes(NamedTuple):
    """Changes in order of revision, and the last revision that they cover."""

    changes: list[Change]
    revision: int
    is_complete: bool
    """Whether nothing but what was committed since lies after them."""
