"""Calls a server as a real client must that cannot know what became of a call that failed."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from random import Random

import grpc
from grpc import aio

from runtime.backoff import Backoff
from runtime.errors import Unavailable
from runtime.status_details import reason_of

# What an outage may look like from outside. Any other answer is a fault, of us or of the shop.
_PASSING = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})
# How a session ends whose token was good when it began; the channel has dropped that.
_TOKEN_IS_OVER = frozenset({"TOKEN_EXPIRED", "TOKEN_KEY_WITHDRAWN"})
_DEADLINE_SECONDS = 5.0
# Calls whose deadline passes while the server works, so that answers get lost without a kill too.
_HASTY = 0.1
_HASTE_SECONDS = (0.001, 0.03)
# Calls that are not made again.
_LEAVING = 0.1

# Makes a call with a deadline in seconds; the same call, with the same ids, each time.
type Call[T] = Callable[[float], Awaitable[T]]


class WrongAnswerError(Exception):
    """A server answered what it must not."""


class Client:
    """Makes calls again until they are answered; some are left at the first failure."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice

    async def insist[T](self, call: Call[T]) -> T:
        """Return the answer. AioRpcError where that is an error other than an outage."""
        backoff = Backoff(
            first=timedelta(milliseconds=50), cap=timedelta(seconds=1), draw=self._dice.random
        )
        while True:
            answer = await self._once(call)
            if answer is not None:
                return answer
            await asyncio.sleep(backoff.next().total_seconds())

    async def attempt[T](self, call: Call[T]) -> T | None:
        """Return the answer, or None where the caller went away without one."""
        leaves = self._dice.random() < _LEAVING
        return await (self._once(call) if leaves else self.insist(call))

    async def _once[T](self, call: Call[T]) -> T | None:
        try:
            return await call(self._deadline())
        except Unavailable:
            return None
        except aio.AioRpcError as error:
            if error.code() not in _PASSING and reason_of(error) not in _TOKEN_IS_OVER:
                raise
            return None

    def _deadline(self) -> float:
        if self._dice.random() < _HASTY:
            return self._dice.uniform(*_HASTE_SECONDS)
        return _DEADLINE_SECONDS
