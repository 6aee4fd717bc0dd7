"""Fetching something again and again: once at a time, and not too soon after a failure."""

import asyncio
import contextvars
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

from runtime.auth.issuer import IssuerError
from runtime.backoff import Backoff
from runtime.logs import get_logger

log = get_logger(__name__)


class AwayError(Exception):
    """It cannot be fetched now; `retry_after` says when another try may help."""

    def __init__(self, message: str, retry_after: timedelta) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Refresh:
    """Runs `fetch` in a task of its own; who asks while it runs gets the same outcome.

    After an IssuerError nobody is let through until a growing, random time has passed. Other
    errors are the fetcher's own: they reach all who wait.
    """

    def __init__(
        self,
        what: str,
        fetch: Callable[[], Awaitable[None]],
        *,
        backoff: Backoff | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what = what
        self._fetch = fetch
        self._backoff = backoff or Backoff(cap=timedelta(seconds=5))
        self._monotonic = monotonic
        self._task: asyncio.Task[float] | None = None
        self._failure = ""
        self._retry_at = float("-inf")

    @property
    def is_running(self) -> bool:
        """Whether a fetch is under way."""
        return self._task is not None and not self._task.done()

    async def now(self) -> float:
        """Fetch, or join the fetch that runs; return when it began. Raises AwayError."""
        return await asyncio.shield(self._begin())

    def in_background(self) -> None:
        """Begin a fetch for those who come later, unless it is too soon after a failure."""
        if self.is_running or self._monotonic() >= self._retry_at:
            self._begin()

    async def close(self) -> None:
        """Give up a fetch that runs."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._task

    def _begin(self) -> asyncio.Task[float]:
        if self._task is None or self._task.done():
            # A context of its own: it outlives the RPC that needs it, and its deadline.
            self._task = asyncio.create_task(self._run(), context=contextvars.Context())
            self._task.add_done_callback(_look)
        return self._task

    async def _run(self) -> float:
        began = self._monotonic()
        if began < self._retry_at:
            raise AwayError(self._failure, timedelta(seconds=self._retry_at - began))
        try:
            await self._fetch()
        except IssuerError as error:
            raise self._failed(str(error)) from error
        if self._failure:
            log.info("issuer is back", fetched=self._what)
        self._failure = ""
        self._backoff.reset()
        return began

    def _failed(self, reason: str) -> AwayError:
        if not self._failure:
            log.warning("issuer is away, trying again", wanted=self._what, reason=reason)
        self._failure = reason
        wait = self._backoff.next(timedelta(milliseconds=50))
        self._retry_at = self._monotonic() + wait.total_seconds()
        return AwayError(reason, wait)


def _look(task: asyncio.Task[float]) -> None:
    """Look at the outcome of a fetch that nobody may have waited for."""
    if not task.cancelled():
        task.exception()
