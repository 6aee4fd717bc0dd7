"""Streams without an end, which outlive servers and tokens."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable
from datetime import timedelta
from time import monotonic

import grpc
from grpc import aio

from runtime.backoff import Backoff
from tools.bodega.login.server_tokens import LEAST_LIFE_SECONDS
from tools.bodega.screen import Screen

# No fault of anybody's: the deadline has passed, or the token is over.
_PLANNED = {
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.UNAUTHENTICATED,
}
_PASSING = {
    *_PLANNED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.UNAVAILABLE,
}
# A stream that ends sooner is not opened again at once: the next one might end as soon.
_LASTED_SECONDS = 1.0
# After a refusal the next token is another one, since this one is old enough to be dropped.
_REFUSED = timedelta(seconds=LEAST_LIFE_SECONDS)
_MAX_REFUSALS = 2


async def follow[R](
    open_stream: Callable[[], AsyncIterable[R]], screen: Screen
) -> AsyncIterator[R]:
    """Yield what the stream sends, and open it again where it breaks.

    What fails before anything came is raised: it would fail again. So is a stream that is refused
    again and again, whichever token it is opened with.
    """
    backoff, began, away, refusals = Backoff(), False, False, 0
    while True:
        opened, answered = monotonic(), False
        try:
            async for response in open_stream():
                if away:
                    screen.note("The server is back.")
                began, answered, away, refusals = True, True, False, 0
                yield response
        except aio.AioRpcError as error:
            code = error.code()
            refused = code is grpc.StatusCode.UNAUTHENTICATED and not answered
            refusals += refused
            if not began or code not in _PASSING or refusals > _MAX_REFUSALS:
                raise
            if not away and code not in _PLANNED:
                screen.note("The server is away: trying again, Ctrl-C ends.")
                away = True
            if answered and monotonic() - opened >= _LASTED_SECONDS:
                backoff.reset()
                if code in _PLANNED:
                    continue
            wait = backoff.next(_REFUSED if refused else timedelta(0))
        else:
            wait = backoff.next()
        await asyncio.sleep(wait.total_seconds())
