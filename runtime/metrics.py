"""Prometheus metrics of the RPCs served, their children bound when a method is registered."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from time import perf_counter
from typing import Any

import grpc
from grpc import aio
from prometheus_client import Counter, Gauge, Histogram

from runtime.call import Context, current_call, remaining
from runtime.method import Method
from runtime.middleware import StreamHandler, UnaryHandler

BUCKETS = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
LABELS = ("service", "method")

HANDLED = Counter(
    "bodega_rpc_server_handled", "RPCs that ended, by status code.", (*LABELS, "code")
)
DURATION = Histogram(
    "bodega_rpc_server_duration_seconds", "Time in the handler.", LABELS, buckets=BUCKETS
)
IN_FLIGHT = Gauge("bodega_rpc_server_in_flight", "RPCs that are running.", LABELS)
RECEIVED = Counter("bodega_rpc_server_messages_received", "Messages of request streams.", LABELS)
SENT = Counter("bodega_rpc_server_messages_sent", "Messages of response streams.", LABELS)

CODE_OF_NUMBER = {code.value[0]: code.name for code in grpc.StatusCode}


class Metrics:
    """Counts and times each RPC."""

    def unary(self, method: Method, handler: UnaryHandler) -> UnaryHandler:
        """Count and time; count the messages of a request stream too."""
        tally = Tally(method)
        received = RECEIVED.labels(method.service, method.name).inc
        count_requests = method.request_streaming

        async def counted(request: Any, context: Context) -> Any:
            start = tally.begin()
            code = "OK"
            try:
                if count_requests:
                    request = _Counted(request, received)
                response = await handler(request, context)
                code = _name(context.code())
            except BaseException as error:
                code = code_of(error, context)
                raise
            else:
                return response
            finally:
                tally.end(start, code)

        return counted

    def stream(self, method: Method, handler: StreamHandler) -> StreamHandler:
        """Count and time; count the messages of both directions."""
        tally = Tally(method)
        received = RECEIVED.labels(method.service, method.name).inc
        sent = SENT.labels(method.service, method.name).inc
        count_requests = method.request_streaming

        async def counted(request: Any, context: Context) -> Any:
            start = tally.begin()
            code = "OK"
            try:
                if count_requests:
                    request = _Counted(request, received)
                async with aclosing(handler(request, context)) as responses:
                    async for response in responses:
                        sent()
                        yield response
                code = _name(context.code())
            except BaseException as error:
                code = code_of(error, context)
                raise
            finally:
                tally.end(start, code)

        return counted


class Tally:
    """The metrics of one method."""

    def __init__(self, method: Method) -> None:
        labels = (method.service, method.name)
        in_flight = IN_FLIGHT.labels(*labels)
        self._enter = in_flight.inc
        self._leave = in_flight.dec
        self._observe = DURATION.labels(*labels).observe
        self._handled = {
            code.name: HANDLED.labels(*labels, code.name).inc for code in grpc.StatusCode
        }

    def begin(self) -> float:
        """Count an RPC in and return its start."""
        self._enter()
        return perf_counter()

    def end(self, start: float, code: str) -> None:
        """Count it out."""
        self._leave()
        self._observe(perf_counter() - start)
        self._handled[code]()


def _name(code: grpc.StatusCode | int | None) -> str:
    """Name what a handler set; each engine has its own idea of the type."""
    if code is None:
        return "OK"
    return CODE_OF_NUMBER[code] if isinstance(code, int) else code.name


def code_of(error: BaseException, context: Context) -> str:
    """Name the status with which an RPC ends that raised the error through the errors slot."""
    if isinstance(error, aio.AbortError):
        return _name(context.code())
    if not isinstance(error, asyncio.CancelledError | GeneratorExit):
        return grpc.StatusCode.UNKNOWN.name
    if remaining(context) == 0:
        return grpc.StatusCode.DEADLINE_EXCEEDED.name
    call = current_call.get()
    if call is not None and call.stopping.is_set():
        return grpc.StatusCode.UNAVAILABLE.name
    return grpc.StatusCode.CANCELLED.name


class _Counted:
    def __init__(self, source: AsyncIterator[bytes], count: Any) -> None:
        self._source = source
        self._count = count

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        message = await anext(self._source)
        self._count()
        return message
