"""Which RPCs are let in at all."""

from contextlib import aclosing
from typing import Any

import grpc

from runtime.call import Context, abort, current_call
from runtime.errors import ResourceExhausted, Unavailable
from runtime.method import Method
from runtime.middleware import StreamHandler, UnaryHandler


class Admission:
    """Refuses RPCs whose deadline has passed, those above the limit, all in a drain.

    The limit is counted here because the native engine has none of its own. gRPC's own
    services stay outside: an overloaded server must still answer its health check.
    """

    def __init__(self, max_concurrent_rpcs: int) -> None:
        self._limit = max_concurrent_rpcs
        self._running = 0

    def unary(self, method: Method, handler: UnaryHandler) -> UnaryHandler:
        """Admit a handler that answers once."""
        if method.is_standard:
            return handler

        async def admitted(request: Any, context: Context) -> Any:
            call = current_call.get()
            is_late = call is not None and call.is_late
            if is_late or self._running >= self._limit or context.time_remaining() == 0:
                await self._refuse(context, is_late=is_late)
            self._running += 1
            try:
                return await handler(request, context)
            finally:
                self._running -= 1

        return admitted

    def stream(self, method: Method, handler: StreamHandler) -> StreamHandler:
        """Admit a handler that answers with a stream."""
        if method.is_standard:
            return handler

        async def admitted(request: Any, context: Context) -> Any:
            call = current_call.get()
            is_late = call is not None and call.is_late
            if is_late or self._running >= self._limit or context.time_remaining() == 0:
                await self._refuse(context, is_late=is_late)
            self._running += 1
            try:
                async with aclosing(handler(request, context)) as responses:
                    async for response in responses:
                        yield response
            finally:
                self._running -= 1

        return admitted

    async def _refuse(self, context: Context, *, is_late: bool) -> None:
        if context.time_remaining() == 0:
            await abort(context, grpc.StatusCode.DEADLINE_EXCEEDED, "the deadline has passed")
        if is_late:
            message = "the server is stopping"
            raise Unavailable(message, reason="SERVER_STOPPING")
        message = f"the server runs {self._limit} RPCs already"
        raise ResourceExhausted(message, reason="TOO_MANY_RPCS")
