"""What the load has sent, and what of it was acknowledged: all that is known outside the shop."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

# What the names of writers, hence of their carts, batches and products, begin with.
OURS = "chaos-"


class Item(NamedTuple):
    """Some units of a product, for a cart."""

    product_id: int
    quantity: int
    code: str


class Row(NamedTuple):
    """What an import says of a product, beside its SKU; the price is in cents."""

    name: str
    price_minor: int


@dataclass(slots=True, kw_only=True)
class Entry:
    """One thing that was sent; acknowledged once its server has said that it is done.

    Before that, and for good where its sender has given up, nobody knows.
    """

    kind: ClassVar[str]
    acknowledged: bool = False


@dataclass(slots=True)
class Import(Entry):
    """A batch of an import: products by SKU, of which some are new."""

    kind = "imported batches"
    batch_id: str
    rows: Mapping[str, Row]
    new: int


@dataclass(slots=True)
class NewProduct(Entry):
    """A product that was created alone; its id is what Product said."""

    kind = "created products"
    request_id: str
    sku: str
    row: Row
    product_id: int = 0


@dataclass(slots=True)
class Basket(Entry):
    """Items for a cart, under the id by which Cart recognises them.

    `rejected` are the places of those that Cart said it left out.
    """

    owner: str
    id: str
    items: Sequence[Item]
    rejected: frozenset[int] = frozenset()


@dataclass(slots=True)
class NewCart(Basket):
    """The items that a cart was created with."""

    kind = "created carts"


@dataclass(slots=True)
class Addition(Basket):
    """A batch of items that a stream added to a cart."""

    kind = "added batches"


@dataclass(slots=True)
class Operation(Basket):
    """Items that were added to a cart in a live session."""

    kind = "added in sessions"


@dataclass(slots=True)
class Quantity(Entry):
    """The quantity that the only item of a cart was set to."""

    kind = "set quantities"
    owner: str
    product_id: int
    quantity: int


@dataclass(slots=True)
class Code(Entry):
    """A discount code that so many may redeem."""

    kind = "created codes"
    code: str
    limit: int


@dataclass(slots=True)
class Redemption(Entry):
    """A code that somebody wanted: had, or refused because it is used up."""

    kind = "answered redemptions"
    code: str
    redeemer: str
    granted: bool = False


@dataclass(slots=True)
class Token(Entry):
    """An access token for Discount, and when it was had, in seconds of the monotonic clock."""

    kind = "tokens"
    value: str = field(default="", repr=False)
    since: float = 0.0


KINDS: tuple[type[Entry], ...] = (
    Import,
    NewProduct,
    NewCart,
    Addition,
    Operation,
    Quantity,
    Code,
    Redemption,
    Token,
)


class Ledger:
    """Everything that was sent, in order; and what was answered wrongly."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        # Batches of which a server said that it had them before: an earlier answer was lost.
        self.recognised = 0
        self._entries: list[Entry] = []

    def sent[E: Entry](self, entry: E) -> E:
        """Note what is about to be sent."""
        self._entries.append(entry)
        return entry

    def of[E: Entry](self, kind: type[E]) -> list[E]:
        """Return the entries of a kind, in the order sent."""
        return [entry for entry in self._entries if isinstance(entry, kind)]

    def counts(self, kind: type[Entry]) -> tuple[int, int]:
        """Return how many of a kind were acknowledged, and how many were not."""
        entries = self.of(kind)
        acknowledged = sum(entry.acknowledged for entry in entries)
        return acknowledged, len(entries) - acknowledged
