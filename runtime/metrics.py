"""The metrics slot of the chain."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from time import perf_counter
from typing import Any

import grpc
from grpc import aio

from runtime.call import Context, current_call, remaining
from runtime.method import Method
from runtime.middleware import StreamHandler, UnaryHandler
from runtime.tally import SERVER, Tally

CODE_OF_NUMBER = {code.value[0]: code.name for code in grpc.StatusCode}

# What a context says while no code was set, by engine: native, grpcio.
NO_CODE: tuple[object, ...] = (None, 0)

# The caller's clock started first: at its deadline it cancels, while by ours a little is left.
DEADLINE_SLACK_SECONDS = 0.05


class Metrics:
    """Counts and times each RPC; counts the messages of streams."""

    def unary(self, method: Method, handler: UnaryHandler) -> UnaryHandler:
        """Measure a handler that answers once."""
        tally = SERVER.of(method.service, method.name)
        counts_requests = method.request_streaming

        async def measured(request: Any, context: Context) -> Any:
            tally.in_flight += 1
            start = perf_counter()
            code = "OK"
            try:
                if counts_requests:
                    request = _Counted(request, tally)
                response = await handler(request, context)
                set_code = context.code()
                if set_code not in NO_CODE:
                    code = _name(set_code)
            except BaseException as error:
                code = code_of(error, context)
                raise
            finally:
                tally.end(perf_counter() - start, code)
            return response

        return measured

    def stream(self, method: Method, handler: StreamHandler) -> StreamHandler:
        """Measure a handler that answers with a stream."""
        tally = SERVER.of(method.service, method.name, is_endless=method.is_endless)
        counts_requests = method.request_streaming

        async def measured(request: Any, context: Context) -> Any:
            tally.in_flight += 1
            start = perf_counter()
            code = "OK"
            try:
                if counts_requests:
                    request = _Counted(request, tally)
                async with aclosing(handler(request, context)) as responses:
                    async for response in responses:
                        tally.sent += 1
                        yield response
                code = _name(context.code())
            except BaseException as error:
                code = code_of(error, context)
                raise
            finally:
                tally.end(perf_counter() - start, code)

        return measured


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
    left = remaining(context)
    if left is not None and left < DEADLINE_SLACK_SECONDS:
        return grpc.StatusCode.DEADLINE_EXCEEDED.name
    call = current_call.get()
    if call is not None and call.stopping.is_set():
        return grpc.StatusCode.UNAVAILABLE.name
    return grpc.StatusCode.CANCELLED.name


class _Counted:
    def __init__(self, source: AsyncIterator[bytes], tally: Tally) -> None:
        self._source = source
        self._tally = tally

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        message = await anext(self._source)
        self._tally.received += 1
        return message
