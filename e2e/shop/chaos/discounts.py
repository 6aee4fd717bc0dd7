"""Writes to Discount: codes created, and redeemed by more than they are for."""

from random import Random

import grpc
from grpc import aio

from bodega.discount.v1 import discount_pb2, discount_pb2_grpc
from e2e.shop.chaos.client import Client, WrongAnswerError
from e2e.shop.chaos.ledger import Code, Ledger, Redemption
from e2e.shop.chaos.stock import Stock

_MOST_REDEEMERS = 20


class CodeMaker:
    """Creates codes that few may redeem."""

    def __init__(
        self,
        discounts: discount_pb2_grpc.DiscountServiceAsyncStub,
        stock: Stock,
        name: str,
        ledger: Ledger,
        dice: Random,
    ) -> None:
        self.name = name
        self._discounts = discounts
        self._stock = stock
        self._ledger = ledger
        self._dice = dice
        self._client = Client(dice)
        self._made = 0

    async def write(self) -> None:
        """Create a code, and let the others have it."""
        self._made += 1
        code = f"{self.name.upper()}-{self._made}"
        entry = self._ledger.sent(Code(code, self._dice.randint(1, _MOST_REDEEMERS)))
        if await self._client.attempt(lambda seconds: self._create(entry, seconds)):
            entry.acknowledged = True
            self._stock.codes.append(code)

    async def _create(self, entry: Code, seconds: float) -> bool:
        discount = discount_pb2.Discount(
            code=entry.code, basis_points=500, redemption_limit=entry.limit, active=True
        )
        request = discount_pb2.CreateDiscountRequest(discount=discount)
        try:
            await self._discounts.CreateDiscount(request, timeout=seconds)
        except aio.AioRpcError as error:
            # Nobody else makes codes of this name: an earlier try was stored, its answer was lost.
            if error.code() is not grpc.StatusCode.ALREADY_EXISTS:
                raise
        return True


class Redeemer:
    """Redeems codes, for another customer each time."""

    def __init__(
        self,
        discounts: discount_pb2_grpc.DiscountServiceAsyncStub,
        stock: Stock,
        name: str,
        ledger: Ledger,
        dice: Random,
    ) -> None:
        self.name = name
        self._discounts = discounts
        self._stock = stock
        self._ledger = ledger
        self._dice = dice
        self._client = Client(dice)
        self._customers = 0

    async def write(self) -> None:
        """Redeem one of the newest codes."""
        if not self._stock.codes:
            return
        self._customers += 1
        code, redeemer = self._dice.choice(self._stock.codes), f"{self.name}/{self._customers}"
        entry = self._ledger.sent(Redemption(code, redeemer))
        request = discount_pb2.RedeemDiscountsRequest(redeemer=redeemer, codes=[code])
        response = await self._client.attempt(
            lambda seconds: self._discounts.RedeemDiscounts(request, timeout=seconds)
        )
        if response is not None:
            entry.granted = _is_granted(response.results[0])
            entry.acknowledged = True


def _is_granted(answer: discount_pb2.DiscountResult) -> bool:
    match answer.state:
        case discount_pb2.DISCOUNT_STATE_ACTIVE:
            return True
        case discount_pb2.DISCOUNT_STATE_EXHAUSTED:
            return False
    raise WrongAnswerError(f"{answer.code} is {discount_pb2.DiscountState.Name(answer.state)}")
