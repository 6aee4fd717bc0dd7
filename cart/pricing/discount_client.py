"""What discount codes are worth now, asked of Discount."""

import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import batched
from typing import TYPE_CHECKING

from google.protobuf.timestamp_pb2 import Timestamp

from bodega.discount.v1 import discount_pb2
from cart.pricing.batch_loader import BATCH, Found, Lookup
from cart.pricing.metrics import LookupCounts
from cart.pricing.ttl_cache import Answer
from cart.pricing.types import Benefit, CodeQuote, CodeState, FixedAmounts, Percentage
from cart.pricing.upstream import TIMEOUT_SECONDS, Upstream
from runtime.clock import SECOND, Clock, Micros, now_micros
from runtime.errors import InvalidArgument
from runtime.logs import get_logger
from runtime.money_proto import from_proto
from runtime.reason import Reason

if TYPE_CHECKING:
    from bodega.discount.v1 import discount_pb2_grpc

    type Stub = discount_pb2_grpc.DiscountServiceAsyncStub

# Nobody tells us of changes: so long one may go unnoticed.
LIFE_SECONDS = 2.0
MAX_CODES = 10_000

_CODE = re.compile(r"[A-Z0-9_-]{1,40}")
_STATES = frozenset(map(int, CodeState))

log = get_logger(__name__)


class DiscountCodes:
    """Discount codes by name, in upper case; no answer outlives the start or end of its code."""

    def __init__(
        self,
        stub: Stub,
        *,
        size: int = MAX_CODES,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Clock = now_micros,
    ) -> None:
        self._stub = stub
        self._clock = clock
        self._upstream = Upstream("discount", Reason.DISCOUNT_UNAVAILABLE, monotonic=monotonic)
        self._lookup: Lookup[str, CodeQuote] = Lookup(
            self._fetch,
            unanswered=self._upstream.unavailable(),
            counts=LookupCounts("discount"),
            size=size,
            monotonic=monotonic,
        )

    async def get(self, codes: Collection[str]) -> Found[str, CodeQuote]:
        """Return the codes that are known, and where some are not, why."""
        possible, impossible = _sorted_out(codes)
        found = await self._lookup.get(possible)
        found.values.update((code, CodeQuote(code, CodeState.UNKNOWN)) for code in impossible)
        return found

    async def redeem(self, redeemer: str, codes: Collection[str]) -> Mapping[str, CodeState]:
        """Take a redemption of each code that has one left; never remembered."""
        possible, impossible = _sorted_out(codes)
        states = dict.fromkeys(impossible, CodeState.UNKNOWN)
        for batch in batched(possible, BATCH, strict=False):
            states |= await self._redeem(redeemer, batch)
        return states

    async def close(self) -> None:
        """Give up what is under way."""
        await self._lookup.close()

    async def _redeem(self, redeemer: str, codes: Iterable[str]) -> Mapping[str, CodeState]:
        request = discount_pb2.RedeemDiscountsRequest(redeemer=redeemer, codes=codes)
        response = await self._upstream.ask(
            lambda: self._stub.RedeemDiscounts(request, timeout=TIMEOUT_SECONDS)
        )
        states = {
            each.code: CodeState(each.state) for each in response.results if each.state in _STATES
        }
        if states.keys() != set(request.codes):
            log.error("discount's answer is not understood", codes=len(request.codes))
            raise self._upstream.unavailable()
        return states

    async def _fetch(self, codes: list[str]) -> Mapping[str, Answer[CodeQuote]]:
        request = discount_pb2.BatchGetDiscountsRequest(codes=codes)
        response = await self._upstream.ask(
            lambda: self._stub.BatchGetDiscounts(request, timeout=TIMEOUT_SECONDS)
        )
        now = self._clock()
        return {
            each.code: Answer(quote, _life(quote.state, each.discount, now))
            for each in response.results
            if (quote := _quote(each)) is not None
        }


def _sorted_out(codes: Collection[str]) -> tuple[list[str], list[str]]:
    """Return the codes that there may be, and those that nobody can have made."""
    possible = {code for code in codes if _CODE.fullmatch(code)}
    return sorted(possible), [code for code in codes if code not in possible]


def _quote(answer: discount_pb2.DiscountResult) -> CodeQuote | None:
    """Return a code in our terms, None where we do not understand it."""
    if answer.state == discount_pb2.DISCOUNT_STATE_UNKNOWN:
        return CodeQuote(answer.code, CodeState.UNKNOWN)
    benefit = _benefit(answer.discount)
    if answer.state not in _STATES or benefit is None:
        log.error("discount's answer is not understood", code=answer.code, state=answer.state)
        return None
    is_limited = answer.discount.redemption_limit > 0
    return CodeQuote(answer.code, CodeState(answer.state), benefit, is_limited)


def _benefit(discount: discount_pb2.Discount) -> Benefit | None:
    match discount.WhichOneof("benefit"):
        case "basis_points":
            return Percentage(discount.basis_points)
        case "fixed":
            try:
                found = [from_proto(each, field="amounts") for each in discount.fixed.amounts]
            except InvalidArgument:
                return None
            return FixedAmounts({each.currency: each.minor for each in found})
    return None


def _life(state: CodeState, discount: discount_pb2.Discount, now: Micros) -> float:
    """Return for how many seconds the state holds."""
    match state:
        case CodeState.NOT_STARTED:
            turn = discount.start_time if discount.HasField("start_time") else None
        case CodeState.ACTIVE | CodeState.EXHAUSTED:
            turn = discount.end_time if discount.HasField("end_time") else None
        case _:
            turn = None
    if turn is None:
        return LIFE_SECONDS
    return min(LIFE_SECONDS, (_micros(turn) - now) / SECOND)


def _micros(timestamp: Timestamp) -> Micros:
    return timestamp.seconds * SECOND + timestamp.nanos // 1000
