"""What the tests have in common: items to send, and Product and Discount as a test wants them."""

from collections.abc import AsyncIterator, Awaitable, Collection, Mapping
from typing import TYPE_CHECKING, Any

import pytest
from google.type import money_pb2
from grpc import aio

from bodega.cart.v1 import cart_pb2, cart_pb2_grpc
from cart.model import BatchResult, Draft, Priced, Proposal
from cart.pricing.types import (
    Benefit,
    CodeQuote,
    CodeState,
    FixedAmounts,
    Percentage,
    ProductQuote,
    Quotes,
)
from runtime.errors import Unavailable
from runtime.money import Money
from runtime.reason import Reason
from runtime.testing.failure import Failure

if TYPE_CHECKING:
    # Its methods await; only type checkers know it.
    type Stub = cart_pb2_grpc.CartServiceAsyncStub

REQUEST_ID = "6f1e9b8e-4d0c-4d8e-9a59-0c3f6a2b7d11"

TEA, CUP, POT, RARE, SAKE = 1, 2, 3, 4, 5


class Shop:
    """Product and Discount, as a test wants them to answer."""

    def __init__(self) -> None:
        self.products: dict[int, ProductQuote] = {}
        self.codes: dict[str, CodeQuote] = {}
        self.left: dict[str, int] = {}
        self.redeemers: dict[str, set[str]] = {}
        self.product_outage: Unavailable | None = None
        self.quotes_left: int | None = None
        self.discount_outage: Unavailable | None = None
        self.redeem_outage: Unavailable | None = None
        self.quoted: list[tuple[set[int], set[str]]] = []
        self.redeemed: list[tuple[str, set[str]]] = []
        self.sell(TEA, "TEA", "Tea", 250)
        self.sell(CUP, "CUP", "Cup", 999)
        self.sell(POT, "POT", "Pot", 4_000)
        self.sell(RARE, "RARE", "Rare", 1, is_sold_out=True)
        self.sell(SAKE, "SAKE", "Sake", 1_500, currency="JPY")
        self.offer("TENTH", Percentage(1_000))
        self.offer("EURO", FixedAmounts({"EUR": 100}))
        self.offer("GIFT", Percentage(10_000))
        self.offer("ONCE", Percentage(5_000), left=1)
        self.offer("OFF", Percentage(1_000), state=CodeState.INACTIVE)
        self.offer("SOON", Percentage(1_000), state=CodeState.NOT_STARTED)
        self.offer("PAST", Percentage(1_000), state=CodeState.EXPIRED)

    def sell(
        self,
        product_id: int,
        sku: str,
        name: str,
        minor: int,
        *,
        currency: str = "EUR",
        is_sold_out: bool = False,
    ) -> None:
        price = Money(currency, minor)
        self.products[product_id] = ProductQuote(product_id, sku, name, price, is_sold_out)

    def offer(
        self,
        code: str,
        benefit: Benefit,
        *,
        state: CodeState = CodeState.ACTIVE,
        left: int | None = None,
    ) -> None:
        self.codes[code] = CodeQuote(code, state, benefit, is_limited=left is not None)
        if left is not None:
            self.left[code] = left
            self.redeemers[code] = set()

    async def quote(self, product_ids: Collection[int], codes: Collection[str]) -> Quotes:
        self.quoted.append((set(product_ids), set(codes)))
        if self.product_outage is not None:
            raise self.product_outage
        if self.quotes_left is not None:
            if not self.quotes_left:
                raise Unavailable("Product is away", reason=Reason.PRODUCT_UNAVAILABLE)
            self.quotes_left -= 1
        products = {each: self.products[each] for each in product_ids if each in self.products}
        if self.discount_outage is not None:
            return Quotes(products, {}, self.discount_outage)
        return Quotes(products, {code: self._quote(code) for code in codes})

    def _quote(self, code: str) -> CodeQuote:
        known = self.codes.get(code, CodeQuote(code, CodeState.UNKNOWN))
        if known.is_limited and self.left[code] == 0:
            return CodeQuote(code, CodeState.EXHAUSTED, known.benefit, is_limited=True)
        return known

    async def redeem(self, owner: str, codes: Collection[str]) -> Mapping[str, CodeState]:
        self.redeemed.append((owner, set(codes)))
        outage = self.redeem_outage or self.discount_outage
        if outage is not None:
            raise outage
        return {code: self._redeem(owner, code) for code in codes}

    def _redeem(self, owner: str, code: str) -> CodeState:
        if owner not in self.redeemers[code]:
            if self.left[code] == 0:
                return CodeState.EXHAUSTED
            self.left[code] -= 1
            self.redeemers[code].add(owner)
        return CodeState.ACTIVE


def proposal(product_id: int = TEA, quantity: int = 1, code: str = "", color: str = "") -> Proposal:
    return Proposal(product_id, color, quantity, code)


def draft(place: int = 0, product_id: int = TEA, quantity: int = 1, **fields: Any) -> Draft:
    made = Draft(place, product_id, f"S{product_id}", "Thing", "", quantity, "EUR", 250, "", 0)
    return made._replace(**fields)


def priced(*drafts: Draft) -> Priced:
    return Priced(list(drafts), [], [])


def good(added: int) -> BatchResult:
    return BatchResult(added, [], [])


def item(
    product_id: int = TEA, quantity: int = 1, code: str = "", color: str = ""
) -> cart_pb2.NewItem:
    return cart_pb2.NewItem(
        product_id=product_id, quantity=quantity, discount_code=code, color=color
    )


def batch(batch_id: str, *items: cart_pb2.NewItem, **fields: Any) -> cart_pb2.AddItemsRequest:
    return cart_pb2.AddItemsRequest(batch_id=batch_id, items=items, **fields)


def money(units: int, nanos: int = 0, currency: str = "EUR") -> money_pb2.Money:
    return money_pb2.Money(currency_code=currency, units=units, nanos=nanos)


async def stream[T](*items: T) -> AsyncIterator[T]:
    for each in items:
        yield each


async def failure(call: Awaitable[object]) -> Failure:
    """Return what the call, which must fail, says."""
    with pytest.raises(aio.AioRpcError) as refused:
        await call
    return Failure(refused.value)
