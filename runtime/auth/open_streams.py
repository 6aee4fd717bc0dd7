"""The open streams without an end, each of which ends with the token of its caller."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context

from runtime.auth.jwk import Key
from runtime.auth.jwks import Jwks
from runtime.auth.refresh import AwayError
from runtime.auth.refusals import EXPIRED, KEY_WITHDRAWN, ending, issuer_away
from runtime.auth.verifier import Verified
from runtime.errors import DomainError

# Event loops bound their timers. One that fires too soon is set again.
MAX_TIMER_SECONDS = 24 * 3600.0

type End = asyncio.Future[DomainError]


class OpenStreams:
    """Ends streams when their tokens expire, or lose the key that signed them.

    A stream costs one timer. While there is any, the keys are fetched whenever they grow stale:
    no new token may come to ask for them, and a withdrawn key must be noticed all the same.
    `now` is the clock by which tokens are verified.
    """

    def __init__(self, keys: Jwks, now: Callable[[], float]) -> None:
        self._keys = keys
        self._now = now
        self._streams: set[_Stream] = set()
        self._refreshing: asyncio.Task[None] | None = None

    def add(self, token: Verified) -> End:
        """Return a future of the error that ends the stream; cancel it with the stream."""
        stream = _Stream(token, self._now)
        self._streams.add(stream)
        stream.end.add_done_callback(lambda _: self._remove(stream), context=Context())
        if self._refreshing is None or self._refreshing.done():
            # Neither this task nor a timer holds on to the context of the RPC that began it.
            self._refreshing = asyncio.create_task(self._refresh_keys(), context=Context())
        return stream.end

    def drop_signed_by(self, keys: frozenset[Key]) -> None:
        """End the streams whose tokens these keys signed."""
        for stream in self._streams:
            if stream.token.key in keys:
                stream.finish(ending(KEY_WITHDRAWN))

    async def close(self) -> None:
        """Fetch no more keys."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            with suppress(asyncio.CancelledError):
                await self._refreshing

    def _remove(self, stream: _Stream) -> None:
        stream.timer.cancel()
        self._streams.remove(stream)
        if not self._streams and self._refreshing is not None:
            self._refreshing.cancel()
            self._refreshing = None

    async def _refresh_keys(self) -> None:
        try:
            await self._keys.keep_fresh()
        except AwayError as error:
            for stream in self._streams:
                stream.finish(issuer_away(error))


class _Stream:
    """One stream, its token, and the timer of that token."""

    __slots__ = ("_now", "end", "timer", "token")

    def __init__(self, token: Verified, now: Callable[[], float]) -> None:
        self.token = token
        self._now = now
        self.end: End = asyncio.get_running_loop().create_future()
        self.timer = self._set_timer()

    def finish(self, error: DomainError) -> None:
        """End the stream, unless it has ended."""
        if not self.end.done():
            self.end.set_result(error)

    def _set_timer(self) -> asyncio.TimerHandle:
        seconds = min(self.token.until - self._now(), MAX_TIMER_SECONDS)
        loop = asyncio.get_running_loop()
        return loop.call_later(max(seconds, 0.0), self._check, context=Context())

    def _check(self) -> None:
        if self._now() >= self.token.until:
            self.finish(ending(EXPIRED))
        else:
            self.timer = self._set_timer()
