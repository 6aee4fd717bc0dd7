"""Outgoing calls that carry a token.

gRPC's own call credentials refuse every channel without TLS, one to the same machine too.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from time import perf_counter
from typing import Any, Protocol, cast

import grpc
from grpc import aio

from runtime.errors import Unavailable

type Begin = Callable[[str], Any]


class Tokens(Protocol):
    """Where the tokens for outgoing calls come from."""

    def ready(self) -> str | None:
        """Return a token that is good for now, None where one must be fetched first."""

    async def token(self) -> str:
        """Return a token that is good for now. Unavailable where there is none to be had."""

    def drop(self, token: str) -> bool:
        """Forget a token that was refused; say whether another may fare better."""


class AuthorizedCall:
    """A call that carries a token. Where one must be fetched first, it begins when it is used.

    A refused token (UNAUTHENTICATED) is dropped, in the midst of a stream too. A call that sends
    one request and had no answer is then made once more with a new token; a request stream, or
    the rest of a stream of responses, is its caller's to repeat.
    """

    def __init__(self, tokens: Tokens, begin: Begin, deadline: float, *, repeats: bool) -> None:
        self._tokens = tokens
        self._begin = begin
        self._deadline = deadline
        self._repeats = repeats
        self._cancelled = False
        self._token = tokens.ready()
        self._call = None if self._token is None else begin(self._token)

    def __await__(self) -> Any:
        return self._response().__await__()

    async def _response(self) -> Any:
        call = await self._begun()
        try:
            return await call
        except aio.AioRpcError as error:
            if not self._refused(error):
                raise
        return await (await self._begun())

    async def __aiter__(self) -> AsyncIterator[Any]:
        while True:
            call = await self._begun()
            try:
                async for response in call:
                    self._repeats = False
                    yield response
            except aio.AioRpcError as error:
                if not self._refused(error):
                    raise
            else:
                return

    async def read(self) -> Any:
        """Return the next response, or EOF."""
        while True:
            call = await self._begun()
            try:
                response = await call.read()
            except aio.AioRpcError as error:
                if not self._refused(error):
                    raise
            else:
                self._repeats = False
                return response

    async def write(self, request: Any) -> None:
        """Send a request."""
        call = await self._begun()
        try:
            await call.write(request)
        except aio.AioRpcError as error:
            self._refused(error)
            raise

    async def done_writing(self) -> None:
        """End the request stream."""
        await (await self._begun()).done_writing()

    async def wait_for_connection(self) -> None:
        """Wait until the call is under way."""
        await (await self._begun()).wait_for_connection()

    async def initial_metadata(self) -> Any:
        """Return the headers of the answer."""
        return await (await self._begun()).initial_metadata()

    async def trailing_metadata(self) -> Any:
        """Return the trailers of the answer."""
        return await (await self._begun()).trailing_metadata()

    async def code(self) -> grpc.StatusCode:
        """Return the status with which the call ended."""
        return cast("grpc.StatusCode", await (await self._begun()).code())

    async def details(self) -> str:
        """Return the text of the status."""
        return cast("str", await (await self._begun()).details())

    def cancel(self) -> bool:
        """Give the call up; return whether it was still running."""
        if self._call is not None:
            return cast("bool", self._call.cancel())
        was_running, self._cancelled = not self._cancelled, True
        return was_running

    def cancelled(self) -> bool:
        """Whether it was given up."""
        return self._cancelled if self._call is None else cast("bool", self._call.cancelled())

    def done(self) -> bool:
        """Whether it has ended."""
        return self._cancelled if self._call is None else cast("bool", self._call.done())

    async def _begun(self) -> Any:
        """Return the call, and begin it where it has not."""
        if self._call is None:
            self._begin_with(await self._fetched())
        return self._call

    def _begin_with(self, token: str) -> None:
        if self._call is not None:
            return  # Another task waited for the token as well, and was first.
        self._token, self._call = token, self._begin(token)
        if self._cancelled:
            self._call.cancel()

    async def _fetched(self) -> str:
        try:
            async with asyncio.timeout(self._deadline - perf_counter()):
                return await self._tokens.token()
        except Unavailable as error:
            raise _ended(grpc.StatusCode.UNAVAILABLE, error.message) from error
        except TimeoutError as error:
            raise _ended(grpc.StatusCode.DEADLINE_EXCEEDED, "no token came in time") from error

    def _refused(self, error: aio.AioRpcError) -> bool:
        """Drop a token that was refused; say whether the call is to be made once more."""
        if error.code() is not grpc.StatusCode.UNAUTHENTICATED or self._token is None:
            return False
        if not (self._tokens.drop(self._token) and self._repeats):
            return False
        self._repeats, self._call = False, None
        return True


def _ended(code: grpc.StatusCode, details: str) -> aio.AioRpcError:
    return aio.AioRpcError(code, aio.Metadata(), aio.Metadata(), details=details)
