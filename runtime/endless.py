"""Streams that have no end of their own: they end with the server, or the caller's token."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextvars import ContextVar, copy_context
from typing import Any

from runtime.errors import DomainError, Unavailable
from runtime.reason import Reason

_MARK = "_is_endless"
_END = object()

# The error with which the stream that is being served is to end, as soon as there is one.
ending: ContextVar[asyncio.Future[DomainError] | None] = ContextVar("ending", default=None)


def endless[F: Callable[..., Any]](handler: F) -> F:
    """Mark a server-streaming or bidirectional handler that does not end by itself.

    When the server drains, such a stream ends with UNAVAILABLE at once, where others may
    finish; and with UNAUTHENTICATED as soon as its caller's token is good no more. The handler
    sees CancelledError where it waits.
    """
    setattr(handler, _MARK, True)
    return handler


def is_endless(handler: object) -> bool:
    """Whether the handler is marked."""
    return getattr(handler, _MARK, False) is True


def until_ended(
    handler: Callable[..., AsyncGenerator[Any]], stopping: asyncio.Event
) -> Callable[..., AsyncGenerator[Any]]:
    """End the handler's stream when `stopping` is set, or `ending` has come."""

    async def ended(request: Any, context: Any) -> AsyncGenerator[Any]:
        responses = handler(request, context)
        stop = asyncio.ensure_future(_stopped(stopping))
        lost = ending.get()
        ends = (stop,) if lost is None else (stop, lost)
        # One context for all steps: what the handler sets in it stays set.
        handler_context = copy_context()
        loop = asyncio.get_running_loop()
        step: asyncio.Task[Any] | None = None
        try:
            while True:
                # First of all: a handler that always has an answer ready is ended as well.
                for end in ends:
                    if end.done():
                        raise end.result()
                step = loop.create_task(_step(responses), context=handler_context)
                await asyncio.wait((step, *ends), return_when=asyncio.FIRST_COMPLETED)
                if step.done():
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


async def _stopped(stopping: asyncio.Event) -> DomainError:
    await stopping.wait()
    return Unavailable("the server is stopping", reason=Reason.SERVER_STOPPING)


async def _step(responses: AsyncGenerator[Any]) -> Any:
    return await anext(responses, _END)


async def _cancel(step: asyncio.Task[Any]) -> None:
    step.cancel()
    await asyncio.wait((step,))
