"""Which RPCs are let in at all."""

from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import grpc

from runtime.abort import abort
from runtime.call import Context, current_call
from runtime.errors import ResourceExhausted, Unavailable
from runtime.method import Method
from runtime.middleware import StreamHandler, UnaryHandler
from runtime.reason import Reason


@dataclass(slots=True)
class _Share:
    """How many RPCs of a sort run, and may."""

    sort: str
    limit: int
    running: int = 0


class Admission:
    """Refuses RPCs whose deadline has passed, those above their limit, all in a drain.

    The limits are counted here because the native engine has none of its own. Endless streams
    have one to themselves, or who only opens watches would soon hold every place. gRPC's own
    services stay outside: an overloaded server must still answer its health check.
    """

    def __init__(self, max_concurrent_rpcs: int, max_endless_streams: int = 1024) -> None:
        self._ending = _Share("RPCs", max_concurrent_rpcs)
        self._endless = _Share("endless streams", max_endless_streams)

    def unary(self, method: Method, handler: UnaryHandler) -> UnaryHandler:
        """Admit a handler that answers once."""
        if method.is_standard:
            return handler
        share = self._ending

        async def admitted(request: Any, context: Context) -> Any:
            call = current_call.get()
            is_late = call is not None and call.is_late
            if is_late or share.running >= share.limit or context.time_remaining() == 0:
                await _refuse(context, share, is_late=is_late)
            share.running += 1
            try:
                return await handler(request, context)
            finally:
                share.running -= 1

        return admitted

    def stream(self, method: Method, handler: StreamHandler) -> StreamHandler:
        """Admit a handler that answers with a stream."""
        if method.is_standard:
            return handler
        share = self._endless if method.is_endless else self._ending

        async def admitted(request: Any, context: Context) -> Any:
            call = current_call.get()
            is_late = call is not None and call.is_late
            if is_late or share.running >= share.limit or context.time_remaining() == 0:
                await _refuse(context, share, is_late=is_late)
            share.running += 1
            try:
                async with aclosing(handler(request, context)) as responses:
                    async for response in responses:
                        yield response
            finally:
                share.running -= 1

        return admitted


async def _refuse(context: Context, share: _Share, *, is_late: bool) -> None:
    if context.time_remaining() == 0:
        await abort(context, grpc.StatusCode.DEADLINE_EXCEEDED, "the deadline has passed")
    if is_late:
        message = "the server is stopping"
        raise Unavailable(message, reason=Reason.SERVER_STOPPING)
    message = f"the server runs {share.limit} {share.sort} already"
    raise ResourceExhausted(message, reason=Reason.TOO_MANY_RPCS)
