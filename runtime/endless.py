"""Streams that have no end of their own, and end with the server."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextvars import copy_context
from typing import Any

from runtime.errors import Unavailable

_MARK = "_ends_with_the_server"
_END = object()


def endless[F: Callable[..., Any]](handler: F) -> F:
    """Mark a server-streaming or bidirectional handler that does not end by itself.

    When the server drains, such a stream ends with UNAVAILABLE at once, where others may
    finish. The handler sees CancelledError where it waits.
    """
    setattr(handler, _MARK, True)
    return handler


def is_endless(handler: object) -> bool:
    """Whether the handler is marked."""
    return getattr(handler, _MARK, False) is True


def until_stopped(
    handler: Callable[..., AsyncGenerator[Any]], stopping: asyncio.Event
) -> Callable[..., AsyncGenerator[Any]]:
    """End the handler's stream with Unavailable when `stopping` is set."""

    async def ended(request: Any, context: Any) -> AsyncGenerator[Any]:
        responses = handler(request, context)
        stop = asyncio.ensure_future(stopping.wait())
        # One context for all steps: what the handler sets in it stays set.
        handler_context = copy_context()
        loop = asyncio.get_running_loop()
        step: asyncio.Task[Any] | None = None
        try:
            while True:
                step = loop.create_task(_step(responses), context=handler_context)
                await asyncio.wait((step, stop), return_when=asyncio.FIRST_COMPLETED)
                if not step.done():
                    message = "the server is stopping"
                    raise Unavailable(message, reason="SERVER_STOPPING")
                response = step.result()
                if response is _END:
                    return
                yield response
        finally:
            stop.cancel()
            if step is not None:
                await _cancel(step)
            await responses.aclose()

    return ended


async def _step(responses: AsyncGenerator[Any]) -> Any:
    return await anext(responses, _END)


async def _cancel(step: asyncio.Task[Any]) -> None:
    step.cancel()
    await asyncio.wait((step,))
