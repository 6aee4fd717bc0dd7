"""Streams batches into Product until it has acknowledged them."""

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import timedelta

import grpc
from google.rpc import error_details_pb2

from bodega.product.v1 import product_pb2, product_pb2_grpc
from runtime.backoff import Backoff
from runtime.status_details import unpack
from runtime.tracing import TraceSource
from workers import product_metrics
from workers.patience import FailedError, Patience, RefusedError
from workers.stop import Stop


class ImportRefusedError(Exception):
    """Product will not take the batches, however often they are sent; the text says why.

    `batch_id` names the batch that it is about, where that is known.
    """

    def __init__(self, reason: str, batch_id: str | None = None) -> None:
        super().__init__(reason)
        self.batch_id = batch_id


class ImportFailedError(ImportRefusedError):
    """Product failed at the batches as often as they were sent, and does not say why."""


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
        self._deadline = deadline.total_seconds()
        self._patience = Patience("Product", stop, backoff, product_metrics.count_failure)
        self._traces = traces

    @property
    def is_connected(self) -> bool:
        """Whether Product acknowledged the last stream."""
        return self._patience.is_connected

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
        try:
            return await self._patience.until_answered(lambda: self._stream(requests))
        except FailedError as error:
            batch_id = requests[0].batch_id if len(requests) == 1 else None
            raise ImportFailedError(str(error), batch_id) from error
        except RefusedError as error:
            raise ImportRefusedError(str(error), _batch_of(error.error)) from error

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
        product_metrics.BATCHES.inc(len(requests))
        product_metrics.REPEATED.inc(response.repeated_batch_count)
        product_metrics.PRODUCTS.labels("inserted").inc(response.inserted_count)
        product_metrics.PRODUCTS.labels("updated").inc(response.updated_count)
        product_metrics.PRODUCTS.labels("rejected").inc(response.rejected_count)
        product_metrics.LAST_SUCCESS.set_to_current_time()


def _batch_of(error: grpc.aio.AioRpcError) -> str | None:
    """Return which batch the server says that it is about."""
    info = error_details_pb2.ErrorInfo()
    return info.metadata.get("batch_id") if unpack(error, info) else None
