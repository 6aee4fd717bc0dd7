"""The innermost layer: bytes to messages and back, around the servicer's own method."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, cast

import grpc
from google.protobuf.message import DecodeError
from grpc import aio

from runtime.call import Context
from runtime.errors import FieldViolation, InvalidArgument
from runtime.middleware import StreamHandler, UnaryHandler
from runtime.reason import Reason

type Deserialize = Callable[[bytes], Any]
type Serialize = Callable[[Any], bytes]


def unary(
    behaviour: Callable[[Any, Context], Awaitable[Any]],
    deserialize: Deserialize,
    serialize: Serialize,
) -> UnaryHandler:
    """Serve a unary method."""

    async def handler(data: bytes, context: Context) -> bytes:
        # What _decoder and _encoder do, without their frames: most RPCs come this way.
        try:
            request = deserialize(data)
        except DecodeError as error:
            raise _malformed() from error
        response = await behaviour(request, context)
        if type(response) is bytes:
            return response
        return serialize(response) if response is not None else _nothing(context)

    return handler


def sole_request(handler: UnaryHandler) -> UnaryHandler:
    """Serve a unary method as one that streams its request, on grpcio.

    grpcio itself would never answer a call that ends without a message. What cuts across calls
    sees the request as on the native engine.
    """

    async def read(_: object, context: Context) -> Any:
        return await handler(await _sole_message(context), context)

    return read


def sole_request_stream(handler: StreamHandler) -> StreamHandler:
    """Serve a server-streaming method as one that streams its request, on grpcio."""

    async def read(_: object, context: Context) -> AsyncGenerator[Any]:
        async with aclosing(handler(await _sole_message(context), context)) as responses:
            async for response in responses:
                yield response

    return read


async def _sole_message(context: Context) -> bytes:
    """Return the first message of a request; INTERNAL where there is none.

    To look for a second one would cost an eighth of a small call.
    """
    message = await context.read()
    if message is aio.EOF:
        await confirm_half_close(context)
        await context.abort(grpc.StatusCode.INTERNAL, "the request has no message")
    return cast("bytes", message)


def client_stream(
    behaviour: Callable[[Any, Context], Awaitable[Any]],
    deserialize: Deserialize,
    serialize: Serialize,
) -> UnaryHandler:
    """Serve a client-streaming method."""
    decode, encode = _decoder(deserialize), _encoder(serialize)

    async def handler(data: AsyncIterator[bytes], context: Context) -> bytes:
        response = await behaviour(Requests(data, decode, context), context)
        return encode(response) if response is not None else _nothing(context)

    return handler


def server_stream(
    behaviour: Callable[[Any, Context], AsyncGenerator[Any]],
    deserialize: Deserialize,
    serialize: Serialize,
) -> StreamHandler:
    """Serve a server-streaming method."""
    decode, encode = _decoder(deserialize), _encoder(serialize)

    async def handler(data: bytes, context: Context) -> AsyncGenerator[bytes]:
        async with aclosing(behaviour(decode(data), context)) as responses:
            async for response in responses:
                yield encode(response)

    return handler


def bidirectional(
    behaviour: Callable[[Any, Context], AsyncGenerator[Any]],
    deserialize: Deserialize,
    serialize: Serialize,
) -> StreamHandler:
    """Serve a bidirectional method."""
    decode, encode = _decoder(deserialize), _encoder(serialize)

    async def handler(data: AsyncIterator[bytes], context: Context) -> AsyncGenerator[bytes]:
        async with aclosing(behaviour(Requests(data, decode, context), context)) as responses:
            async for response in responses:
                yield encode(response)

    return handler


def _decoder(deserialize: Deserialize) -> Deserialize:
    """Refuse a malformed message as INVALID_ARGUMENT, the same on both engines."""

    def decode(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError as error:
            raise _malformed() from error

    return decode


def _encoder(serialize: Serialize) -> Serialize:
    """Pass on what is encoded already; see `runtime.encoded`."""

    def encode(response: Any) -> bytes:
        return response if type(response) is bytes else serialize(response)

    return encode


def _malformed() -> InvalidArgument:
    rule = "must be a well-formed message, its strings UTF-8"
    return InvalidArgument([FieldViolation("", rule)], reason=Reason.MALFORMED)


def _nothing(context: Context) -> bytes:
    """Accept None from a handler that has set a code other than OK, as gRPC's own do."""
    if context.code() in {None, 0, grpc.StatusCode.OK}:
        message = "the handler returned None"
        raise TypeError(message)
    return b""


class Requests:
    """The messages of a request stream."""

    def __init__(self, source: AsyncIterator[bytes], decode: Deserialize, context: Context) -> None:
        self._source = source
        self._decode = decode
        self._context = context

    def __aiter__(self) -> AsyncIterator[Any]:
        """Return itself."""
        return self

    async def __anext__(self) -> Any:
        """Return the next message; the stream ends only where the client ended it."""
        try:
            data = await anext(self._source)
        except StopAsyncIteration:
            await confirm_half_close(self._context)
            raise
        return self._decode(data)


async def confirm_half_close(context: Context) -> None:
    """Raise CancelledError where a request stream broke instead of being ended.

    grpcio ends the iterator in the same way when the client ends the stream and when it
    goes away, sends too large a message or passes its deadline: an import cut short would
    look complete. A dead call cannot send its headers, a living one can.
    """
    try:
        await context.send_initial_metadata(())
    except aio.UsageError:
        return  # A bidirectional call that has answered already: its next write will tell.
    except aio.InternalError as error:
        raise asyncio.CancelledError from error
