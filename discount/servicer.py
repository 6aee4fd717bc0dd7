"""The API of discounts: messages to the domain's terms and back."""

from collections.abc import Iterator
from typing import Literal, override

from google.protobuf.timestamp_pb2 import Timestamp

from bodega.discount.v1 import discount_pb2, discount_pb2_grpc
from discount.model import (
    Answer,
    BadBenefit,
    Benefit,
    Discount,
    FixedAmounts,
    Percentage,
    Proposal,
)
from discount.service import Discounts
from discount.validation import MAX_AMOUNTS
from runtime.call import Context
from runtime.clock import Micros
from runtime.errors import FieldViolation, InvalidArgument
from runtime.etag import etag_of
from runtime.money import Money
from runtime.money_proto import from_proto
from runtime.money_proto import to_proto as money_to_proto
from runtime.validation import refuse

_LAST_SECOND = 253_402_300_799  # of the year 9999, as google.protobuf.Timestamp has it
_FIRST_SECOND = -62_135_596_800


class DiscountServicer(discount_pb2_grpc.DiscountServiceServicer):
    """bodega.discount.v1.DiscountService."""

    def __init__(self, discounts: Discounts) -> None:
        self._discounts = discounts

    @override
    async def GetDiscount(
        self, request: discount_pb2.GetDiscountRequest, _context: Context
    ) -> discount_pb2.GetDiscountResponse:
        answer = _answer_to_proto(await self._discounts.get(request.code))
        return discount_pb2.GetDiscountResponse(discount=answer.discount, state=answer.state)

    @override
    async def BatchGetDiscounts(
        self, request: discount_pb2.BatchGetDiscountsRequest, _context: Context
    ) -> discount_pb2.BatchGetDiscountsResponse:
        answers = await self._discounts.get_many(request.codes)
        return discount_pb2.BatchGetDiscountsResponse(results=map(_answer_to_proto, answers))

    @override
    async def ListDiscounts(
        self, request: discount_pb2.ListDiscountsRequest, _context: Context
    ) -> discount_pb2.ListDiscountsResponse:
        page = await self._discounts.list_page(request.page_size, request.page_token)
        return discount_pb2.ListDiscountsResponse(
            discounts=map(to_proto, page.discounts), next_page_token=page.next_page_token
        )

    @override
    async def CreateDiscount(
        self, request: discount_pb2.CreateDiscountRequest, _context: Context
    ) -> discount_pb2.CreateDiscountResponse:
        created = await self._discounts.create(_proposal(request.discount))
        return discount_pb2.CreateDiscountResponse(discount=to_proto(created))

    @override
    async def UpdateDiscount(
        self, request: discount_pb2.UpdateDiscountRequest, _context: Context
    ) -> discount_pb2.UpdateDiscountResponse:
        updated = await self._discounts.update(
            request.discount.etag, _proposal(request.discount), request.update_mask.paths
        )
        return discount_pb2.UpdateDiscountResponse(discount=to_proto(updated))

    @override
    async def DeleteDiscount(
        self, request: discount_pb2.DeleteDiscountRequest, _context: Context
    ) -> discount_pb2.DeleteDiscountResponse:
        await self._discounts.delete(request.code, request.etag)
        return discount_pb2.DeleteDiscountResponse()

    @override
    async def RedeemDiscounts(
        self, request: discount_pb2.RedeemDiscountsRequest, _context: Context
    ) -> discount_pb2.RedeemDiscountsResponse:
        answers = await self._discounts.redeem(request.redeemer, request.codes)
        return discount_pb2.RedeemDiscountsResponse(results=map(_answer_to_proto, answers))


def _proposal(message: discount_pb2.Discount) -> Proposal:
    return Proposal(
        code=message.code,
        description=message.description,
        benefit=_benefit(message),
        start_time=_micros(message, "start_time"),
        end_time=_micros(message, "end_time"),
        redemption_limit=message.redemption_limit,
        active=message.active,
    )


def _micros(message: discount_pb2.Discount, name: Literal["start_time", "end_time"]) -> int | None:
    if not message.HasField(name):
        return None
    time: Timestamp = getattr(message, name)
    if not (_FIRST_SECOND <= time.seconds <= _LAST_SECOND and 0 <= time.nanos < 10**9):
        raise refuse(f"discount.{name}", "must be a time of the years 1 to 9999")
    return time.seconds * 10**6 + time.nanos // 1000


def _benefit(message: discount_pb2.Discount) -> Benefit | BadBenefit:
    match message.WhichOneof("benefit"):
        case "basis_points":
            return Percentage(message.basis_points)
        case "fixed":
            violations = list(_amount_violations(message.fixed))
            if violations:
                return BadBenefit(tuple(violations))
            amounts = (from_proto(each, field="amount") for each in message.fixed.amounts)
            return FixedAmounts({each.currency: each.minor for each in amounts})
    return BadBenefit((FieldViolation("benefit", "must be fixed or basis_points"),))


def _amount_violations(fixed: discount_pb2.FixedBenefit) -> Iterator[FieldViolation]:
    if not 1 <= len(fixed.amounts) <= MAX_AMOUNTS:
        yield FieldViolation("fixed.amounts", f"must be 1 to {MAX_AMOUNTS} amounts")
        return
    seen: set[str] = set()
    for index, each in enumerate(fixed.amounts):
        field = f"fixed.amounts[{index}]"
        try:
            amount = from_proto(each, field=field)
        except InvalidArgument as error:
            yield from error.violations
            continue
        if not amount.minor:
            yield FieldViolation(field, "must be more than zero")
        if amount.currency in seen:
            yield FieldViolation(f"{field}.currency_code", "must not stand twice")
        seen.add(amount.currency)


def _answer_to_proto(answer: Answer) -> discount_pb2.DiscountResult:
    return discount_pb2.DiscountResult(
        code=answer.code,
        state=answer.state,  # type: ignore[arg-type]  # numbered as in the API
        discount=to_proto(answer.discount) if answer.discount else None,
    )


def to_proto(discount: Discount) -> discount_pb2.Discount:
    """Return the discount's message."""
    draft = discount.draft
    message = discount_pb2.Discount(
        code=discount.code,
        description=draft.description,
        start_time=_timestamp(draft.start_time),
        end_time=_timestamp(draft.end_time),
        redemption_limit=draft.redemption_limit,
        active=draft.active,
        redemption_count=discount.redemption_count,
        create_time=_timestamp(discount.create_time),
        update_time=_timestamp(discount.update_time),
        etag=etag_of(discount.revision),
    )
    match draft.benefit:
        case Percentage(points):
            message.basis_points = points
        case FixedAmounts(minor):
            amounts = (Money(currency, amount) for currency, amount in sorted(minor.items()))
            message.fixed.amounts.extend(map(money_to_proto, amounts))
    return message


def _timestamp(micros: Micros | None) -> Timestamp | None:
    if micros is None:
        return None
    seconds, rest = divmod(micros, 10**6)
    return Timestamp(seconds=seconds, nanos=rest * 1000)
