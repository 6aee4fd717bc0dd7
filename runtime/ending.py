"""How an outgoing call ends, beyond what grpc.aio says of one that sends a stream.

When Core has ended a call, grpc.aio may still be about to send a request on it. That send fails,
and grpc.aio then either puts a status of its own in the place of the true one, before or after
that has come, or cancels the call as if the application had given it up.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import grpc
from grpc import aio

# What grpc.aio says of a call whose send failed.
_STAND_IN = (grpc.StatusCode.INTERNAL, "Internal error from Core")
_PASSED = "the deadline has passed"
# How long after it the true status may come.
_LATE_SECONDS = 1.0


class Ending:
    """Reports once with which status a call ended."""

    def __init__(self, report: Callable[[grpc.StatusCode], None]) -> None:
        self._report = report
        self._waiter: asyncio.Future[None] | None = None
        self._details: str | None = None
        self._trailers: aio.Metadata | None = None
        self.code: grpc.StatusCode | None = None

    def settle(self, code: grpc.StatusCode) -> None:
        """Report the status, unless one is reported already."""
        if self.code is None:
            self.code = code
            self._report(code)
            if self._waiter is not None and not self._waiter.done():
                self._waiter.set_result(None)

    async def settled(self) -> None:
        """Wait for the true status, for a while: it may never come."""
        if self.code is None:
            self._waiter = asyncio.get_running_loop().create_future()
            await asyncio.wait((self._waiter,), timeout=_LATE_SECONDS)

    def error(self, details: str | None) -> aio.AioRpcError:
        """Return the true status as an error; `details` are those of the stand-in."""
        passed = self.code is grpc.StatusCode.DEADLINE_EXCEEDED
        text = _PASSED if passed else self._details or details
        trailers = self._trailers or aio.Metadata()
        return aio.AioRpcError(cast("Any", self.code), aio.Metadata(), trailers, details=text)

    def done(self, call: Any) -> None:
        """Take the status of a call that has ended, unless it is a stand-in for the true one."""
        code = _answer(call.code()) or grpc.StatusCode.CANCELLED
        stand_in = code is _STAND_IN[0] and _answer(call.details()) == _STAND_IN[1]
        if (stand_in or code is grpc.StatusCode.CANCELLED) and has_passed(call):
            self.settle(grpc.StatusCode.DEADLINE_EXCEEDED)
        elif not stand_in:
            if code is not grpc.StatusCode.OK:
                self._details = _answer(call.details())
                self._trailers = _answer(call.trailing_metadata())
            self.settle(code)


class SendingCall:
    """grpc's call that sends a stream; its caller sees the true status, as an AioRpcError.

    CancelledError is raised only where the caller's task is cancelled, or called `cancel`.
    """

    def __init__(self, call: Any, ending: Ending) -> None:
        self._call = call
        self._ending = ending
        self._given_up = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)

    def __del__(self) -> None:
        # Nobody looked at a call whose true status came too late to be told of.
        if self._call.done():
            self._ending.settle(_answer(self._call.code()) or grpc.StatusCode.CANCELLED)

    def __await__(self) -> Any:
        return self._response().__await__()

    async def _response(self) -> Any:
        with self._truly():
            return await self._call

    async def __aiter__(self) -> AsyncIterator[Any]:
        with self._truly():
            async for response in self._call:
                yield response

    async def read(self) -> Any:
        """Return the next response, or EOF."""
        with self._truly():
            return await self._call.read()

    async def write(self, request: Any) -> None:
        """Send a request."""
        with self._truly():
            try:
                await self._call.write(request)
            except aio.AioRpcError:
                await self._ending.settled()
                raise
            except asyncio.InvalidStateError as error:
                # The call had ended before: grpc.aio does not say how.
                await self._ending.settled()
                if self._given_up or self._ending.code in {None, grpc.StatusCode.OK}:
                    raise
                raise self._ending.error(None) from error

    def cancel(self) -> bool:
        """Give the call up; return whether it was still running."""
        self._given_up = True
        return cast("bool", self._call.cancel())

    @contextmanager
    def _truly(self) -> Iterator[None]:
        try:
            yield
        except asyncio.CancelledError as error:
            self._ending.settle(grpc.StatusCode.CANCELLED)
            task = asyncio.current_task()
            if self._given_up or (task is not None and task.cancelling()):
                raise
            raise self._ending.error(_answer(self._call.details())) from error
        except aio.AioRpcError as error:
            self._ending.settle(error.code())
            if error.code() is self._ending.code:
                raise
            raise self._ending.error(error.details()) from error


def has_passed(call: Any) -> bool:
    """Whether the deadline of a call has passed."""
    left = call.time_remaining()
    return left is not None and left <= 0


def _answer(asked: Any) -> Any:
    """Return what a call that has ended answers at once, or None."""
    try:
        asked.send(None)
    except StopIteration as answered:
        return answered.value
    # Only the call of an ended channel still waits for a status that never comes.
    asked.close()
    return None
