"""Streams batches into Product until it has acknowledged them."""

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from bodega.product.v1 import product_pb2, product_pb2_grpc
from runtime.logs import get_logger
from runtime.tracing import TraceSource
from workers import metrics
from workers.backoff import Backoff
from workers.stop import Stop

log = get_logger("product_worker")

# Whatever else Product answers, it would answer again.
_PASSING = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
    }
)


class ImportRefusedError(Exception):
    """Product will not take the batches, however often they are sent; the text says why."""


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
        Raises ImportRefusedError and StoppedError.
        """
        while True:
            try:
                response = await self._stream(requests)
            except grpc.aio.AioRpcError as error:
                await self._failed(error)
            else:
                self._acknowledged(requests, response)
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
        self._recovered()

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
        if code not in _PASSING:
            raise ImportRefusedError(f"Product refuses the import: {code.name}: {error.details()}")
        if self._outage is None:
            self._outage = _Outage(time.monotonic())
            log.warning("product is away, trying again", code=code.name, details=error.details())
        else:
            self._outage.failures += 1
        if await self._stop.within(self._backoff.next(retry_delay(error))):
            raise StoppedError


def retry_delay(error: grpc.aio.AioRpcError) -> timedelta:
    """Return how long the server asks to be left alone (google.rpc.RetryInfo)."""
    try:
        status = rpc_status.from_call(error)  # type: ignore[no-untyped-call]
    except DecodeError, ValueError:
        # A proxy on the way may say anything, and another message than Product's.
        return timedelta(0)
    for detail in status.details if status else ():
        info = error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            return info.retry_delay.ToTimedelta()
    return timedelta(0)
