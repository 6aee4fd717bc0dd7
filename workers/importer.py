"""Streams batches into Product until it has acknowledged them."""

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta

import grpc
from google.rpc import error_details_pb2

from bodega.product.v1 import product_pb2, product_pb2_grpc
from runtime.backoff import Backoff
from runtime.logs import get_logger
from runtime.status_details import retry_delay, unpack
from runtime.tracing import TraceSource
from workers import metrics
from workers.stop import Stop

log = get_logger("product_worker")

# These pass, however long that takes.
_PASSING = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.ABORTED,
    }
)
# These may be an accident on the way, or what Product makes of a batch each time. Whatever else
# it answers, it would answer again.
_DUBIOUS = frozenset({grpc.StatusCode.CANCELLED, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN})
ATTEMPTS = 6
# A token may be refused where it is old (its key is gone): the channel then gets another. It is
# the token's fault no longer once that is refused as well.
TOKENS = 2


class ImportRefusedError(Exception):
    """Product will not take the batches, however often they are sent; the text says why.

    `batch_id` names the batch that it is about, where that is known.
    """

    def __init__(self, reason: str, batch_id: str | None = None) -> None:
        super().__init__(reason)
        self.batch_id = batch_id


class ImportFailedError(ImportRefusedError):
    """Product failed at the batches as often as they were sent, and does not say why."""


class StoppedError(Exception):
    """The worker was asked to stop while Product was away; nothing was acknowledged."""


@dataclass(slots=True)
class _Outage:
    began: float
    failures: int = 1


class Importer:
    """Sends streams, each with a deadline, and waits out the times when Product is away."""

    def __init__(
        self,
        stub: product_pb2_grpc.ProductServiceAsyncStub,
        stop: Stop,
        *,
        deadline: timedelta,
        backoff: Backoff,
        traces: TraceSource | None = None,
    ) -> None:
        self._stub = stub
        self._stop = stop
        self._deadline = deadline.total_seconds()
        self._backoff = backoff
        self._traces = traces
        self._outage: _Outage | None = None
        self._succeeded = False

    @property
    def is_connected(self) -> bool:
        """Whether Product acknowledged the last stream."""
        return self._succeeded and self._outage is None

    async def send(
        self, requests: Sequence[product_pb2.ImportProductsRequest]
    ) -> product_pb2.ImportProductsResponse:
        """Stream the batches, the same ones again after a failure, and return what became of them.

        The server recognises by their ids those that it had committed when a stream broke.
        Raises ImportRefusedError, ImportFailedError and StoppedError.
        """
        try:
            response = await self._until_answered(requests)
        except ImportFailedError:
            if len(requests) == 1:
                raise
            # One of them, but which? Each is sent alone, up to the one that fails alone.
            for request in requests:
                await self._until_answered([request])
            response = await self._until_answered(requests)
        self._acknowledged(requests, response)
        return response

    async def _until_answered(
        self, requests: Sequence[product_pb2.ImportProductsRequest]
    ) -> product_pb2.ImportProductsResponse:
        failures = refusals = 0
        while True:
            try:
                response = await self._stream(requests)
            except grpc.aio.AioRpcError as error:
                failures += error.code() in _DUBIOUS
                refusals += error.code() is grpc.StatusCode.UNAUTHENTICATED
                if refusals > TOKENS:
                    raise _refused(error) from error
                if failures == ATTEMPTS:
                    raise _given_up(requests, error) from error
                await self._failed(error)
            else:
                self._recovered()
                return response

    async def _stream(
        self, requests: Sequence[product_pb2.ImportProductsRequest]
    ) -> product_pb2.ImportProductsResponse:
        with self._traces.begin("import products") if self._traces else nullcontext():
            return await self._stub.ImportProducts(iter(requests), timeout=self._deadline)

    def _acknowledged(
        self,
        requests: Sequence[product_pb2.ImportProductsRequest],
        response: product_pb2.ImportProductsResponse,
    ) -> None:
        sent = sum(len(request.products) for request in requests)
        told = response.inserted_count + response.updated_count + response.rejected_count
        if told != sent:
            raise ImportRefusedError(f"Product answered for {told} of {sent} products")
        metrics.BATCHES.inc(len(requests))
        metrics.REPEATED.inc(response.repeated_batch_count)
        metrics.PRODUCTS.labels("inserted").inc(response.inserted_count)
        metrics.PRODUCTS.labels("updated").inc(response.updated_count)
        metrics.PRODUCTS.labels("rejected").inc(response.rejected_count)
        metrics.LAST_SUCCESS.set_to_current_time()

    def _recovered(self) -> None:
        self._succeeded = True
        self._backoff.reset()
        if self._outage is not None:
            seconds = round(time.monotonic() - self._outage.began, 1)
            log.info("product is back", after_seconds=seconds, failures=self._outage.failures)
            self._outage = None

    async def _failed(self, error: grpc.aio.AioRpcError) -> None:
        """Count the failure and wait; raise where another try is no use."""
        code = error.code()
        metrics.FAILURES.labels(code.name).inc()
        if code not in _PASSING | _DUBIOUS | {grpc.StatusCode.UNAUTHENTICATED}:
            raise _refused(error)
        if self._outage is None:
            self._outage = _Outage(time.monotonic())
            log.warning("product is away, trying again", code=code.name, details=error.details())
        else:
            self._outage.failures += 1
        if await self._stop.within(self._backoff.next(retry_delay(error))):
            raise StoppedError


def _refused(error: grpc.aio.AioRpcError) -> ImportRefusedError:
    reason = f"Product refuses the import: {error.code().name}: {error.details()}"
    return ImportRefusedError(reason, _batch_of(error))


def _given_up(
    requests: Sequence[product_pb2.ImportProductsRequest], error: grpc.aio.AioRpcError
) -> ImportFailedError:
    reason = f"Product failed {ATTEMPTS} times: {error.code().name}: {error.details()}"
    return ImportFailedError(reason, requests[0].batch_id if len(requests) == 1 else None)


def _batch_of(error: grpc.aio.AioRpcError) -> str | None:
    """Return which batch the server says that it is about."""
    info = error_details_pb2.ErrorInfo()
    return info.metadata.get("batch_id") if unpack(error, info) else None
