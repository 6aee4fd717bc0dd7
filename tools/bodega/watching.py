"""Streams without an end, which outlive the server that sends them."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable

import grpc
from grpc import aio

from runtime.backoff import Backoff
from tools.bodega.screen import Screen

# A deadline is no fault of anybody's: such a stream is simply opened anew.
_PASSING = {
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.UNAVAILABLE,
}


async def follow[R](
    open_stream: Callable[[], AsyncIterable[R]], screen: Screen
) -> AsyncIterator[R]:
    """Yield what the stream sends, and open it again where it breaks.

    What fails before anything came is raised: it would fail again.
    """
    backoff, began, away = Backoff(), False, False
    while True:
        try:
            async for response in open_stream():
                if away:
                    screen.note("The server is back.")
                began, away = True, False
                backoff.reset()
                yield response
        except aio.AioRpcError as error:
            if not began or error.code() not in _PASSING:
                raise
            if not away and error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
                screen.note("The server is away: trying again, Ctrl-C ends.")
                away = True
        await asyncio.sleep(backoff.next().total_seconds())
