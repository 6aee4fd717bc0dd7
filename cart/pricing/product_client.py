"""What products cost now, asked of Product and kept in step with its catalogue."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, NoReturn

import grpc
from grpc import aio

from bodega.product.v1 import product_pb2
from cart.pricing.batch_loader import Lookup
from cart.pricing.metrics import WATCHING, LookupCounts
from cart.pricing.ttl_cache import Answer
from cart.pricing.types import ProductQuote
from cart.pricing.upstream import TIMEOUT_SECONDS, Upstream
from runtime.backoff import Backoff
from runtime.errors import InvalidArgument
from runtime.logs import get_logger
from runtime.money_proto import from_proto
from runtime.reason import Reason
from runtime.status_details import NO_DELAY, retry_delay

if TYPE_CHECKING:
    from bodega.product.v1 import product_pb2_grpc

    type Stub = product_pb2_grpc.ProductServiceAsyncStub

# How long an answer is good while we hear of changes, and while we do not.
WATCHED_SECONDS = 60.0
UNWATCHED_SECONDS = 1.0
MAX_PRODUCTS = 20_000
MAX_ID = 2**63 - 1
FROM_NOW_ON = -1
# A watch is begun anew after that time.
WATCH_SECONDS = 600.0

log = get_logger(__name__)


class ProductPrices:
    """Products by id, remembered for as long as they are known not to have changed.

    An answer lives long only where one and the same watch was running when it was asked for and
    when it came: a change before the question is in it, and one after it is heard of. What a
    change finds under way is not remembered.
    """

    def __init__(
        self,
        stub: Stub,
        *,
        size: int = MAX_PRODUCTS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stub = stub
        self._upstream = Upstream("product", Reason.PRODUCT_UNAVAILABLE, monotonic=monotonic)
        self._lookup: Lookup[int, ProductQuote | None] = Lookup(
            self._fetch,
            unanswered=self._upstream.unavailable(),
            counts=LookupCounts("product"),
            size=size,
            monotonic=monotonic,
        )
        self._watch: object | None = None
        self._is_failing = False

    async def get(self, ids: Collection[int]) -> Mapping[int, ProductQuote]:
        """Return those of the products that exist. Unavailable where not all could be asked for."""
        found = await self._lookup.get({each for each in ids if 1 <= each <= MAX_ID})
        if found.failure is not None:
            # Several callers may get this one.
            raise found.failure.with_traceback(None)
        return {key: quote for key, quote in found.values.items() if quote is not None}

    async def follow(self) -> NoReturn:
        """Listen for changes for ever."""
        backoff = Backoff()
        while True:
            call = self._stub.WatchProducts(
                product_pb2.WatchProductsRequest(after_revision=FROM_NOW_ON),
                timeout=WATCH_SECONDS,
            )
            reading = asyncio.create_task(self._read(call, backoff))
            try:
                await asyncio.wait((reading,))
            finally:
                # To cancel the task that reads might be lost: see runtime/README.md.
                call.cancel()
                await asyncio.wait((reading,))
                had_begun = self._watch is not None
                self._lose()
            error = None if reading.cancelled() else reading.exception()
            if not (had_begun and _code(error) is grpc.StatusCode.DEADLINE_EXCEEDED):
                self._report(error)
                wait = backoff.next(_delay(error))
                await asyncio.sleep(wait.total_seconds())

    async def close(self) -> None:
        """Give up what is under way."""
        await self._lookup.close()

    async def _fetch(self, ids: list[int]) -> Mapping[int, Answer[ProductQuote | None]]:
        watch = self._watch
        request = product_pb2.BatchGetProductsRequest(ids=ids)
        response = await self._upstream.ask(
            lambda: self._stub.BatchGetProducts(request, timeout=TIMEOUT_SECONDS)
        )
        is_watched = watch is not None and watch is self._watch
        life = WATCHED_SECONDS if is_watched else UNWATCHED_SECONDS
        answers: dict[int, Answer[ProductQuote | None]] = {
            each: Answer(None, life) for each in response.missing_ids
        }
        for product in response.products:
            quote = _quote(product)
            if quote is not None:
                answers[product.id] = Answer(quote, life)
        return answers

    async def _read(
        self,
        call: aio.UnaryStreamCall[
            product_pb2.WatchProductsRequest, product_pb2.WatchProductsResponse
        ],
        backoff: Backoff,
    ) -> None:
        async for part in call:
            if self._watch is None:
                backoff.reset()
                self._begin()
            for change in part.changes:
                is_deletion = change.WhichOneof("change") == "deleted_id"
                self._lookup.forget(change.deleted_id if is_deletion else change.stored.id)

    def _begin(self) -> None:
        self._watch = object()
        WATCHING.set(1)
        if self._is_failing:
            log.info("changes of products are heard of again")
        self._is_failing = False

    def _lose(self) -> None:
        self._watch = None
        WATCHING.set(0)
        self._lookup.end_within(UNWATCHED_SECONDS)

    def _report(self, error: BaseException | None) -> None:
        """Say once why no changes are heard of."""
        if not self._is_failing:
            event = "changes of products are not heard of"
            if isinstance(error, aio.AioRpcError):
                log.warning(event, code=error.code().name, details=error.details())
            else:
                log.error(event, exc_info=error)
        self._is_failing = True


def _quote(product: product_pb2.Product) -> ProductQuote | None:
    """Return a product in our terms, None where we do not understand it."""
    try:
        price = from_proto(product.price, field="price")
    except InvalidArgument:
        log.exception("a product's price is not understood", id=product.id)
        return None
    is_sold_out = product.status == product_pb2.PRODUCT_STATUS_OUT_OF_STOCK
    return ProductQuote(product.id, product.sku, product.name, price, is_sold_out)


def _code(error: BaseException | None) -> grpc.StatusCode | None:
    return error.code() if isinstance(error, aio.AioRpcError) else None


def _delay(error: BaseException | None) -> timedelta:
    return retry_delay(error) if isinstance(error, aio.AioRpcError) else NO_DELAY
