"""What Product and Discount say of what goes into a cart."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from runtime.errors import Unavailable
from runtime.money import Money


@dataclass(frozen=True, slots=True)
class ProductQuote:
    """A product as it is sold now."""

    product_id: int
    sku: str
    name: str
    price: Money
    is_sold_out: bool


class CodeState(IntEnum):
    """Whether a discount code is good, and if not, why: the numbers of the API's DiscountState."""

    ACTIVE = 1
    UNKNOWN = 2
    INACTIVE = 3
    NOT_STARTED = 4
    EXPIRED = 5
    EXHAUSTED = 6


@dataclass(frozen=True, slots=True)
class Percentage:
    """A share of the price, in basis points: 1 to 10,000."""

    basis_points: int


@dataclass(frozen=True, slots=True)
class FixedAmounts:
    """An amount off one unit, in minor units by currency."""

    minor: Mapping[str, int]


type Benefit = Percentage | FixedAmounts


@dataclass(frozen=True, slots=True)
class CodeQuote:
    """A discount code as it is now; `benefit` is None where there is no such code.

    Whoever uses a code that `is_limited` has to redeem it.
    """

    code: str
    state: CodeState
    benefit: Benefit | None = None
    is_limited: bool = False


@dataclass(frozen=True, slots=True)
class Quotes:
    """Answers of one moment: products that exist by id, and each code that was asked for.

    Where Discount is away `discount_outage` says so, and the codes that are not known are missing.
    """

    products: Mapping[int, ProductQuote]
    codes: Mapping[str, CodeQuote]
    discount_outage: Unavailable | None = None


class Quoter(Protocol):
    """What a cart needs of Product and Discount."""

    async def quote(self, product_ids: Collection[int], codes: Collection[str]) -> Quotes:
        """Return prices and discounts; codes are in upper case. Unavailable: Product is away."""
        ...

    async def redeem(self, owner: str, codes: Collection[str]) -> Mapping[str, CodeState]:
        """Redeem limited codes for an owner, once and for all. Unavailable: Discount is away.

        ACTIVE for each code that the owner has now, be it from before.
        """
        ...
