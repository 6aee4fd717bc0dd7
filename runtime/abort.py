"""Ends an RPC with a status."""

import asyncio
from typing import NoReturn

import grpc
from grpc import aio

from runtime.call import Context

type Trailers = tuple[tuple[str, str | bytes], ...]


async def abort(
    context: Context,
    code: grpc.StatusCode,
    message: str,
    trailers: Trailers = (),
) -> NoReturn:
    """End the RPC with a status; one that is dead already ends as cancelled.

    grpcio would report each status that it cannot send, with a traceback.
    """
    try:
        await context.abort(code, message, trailers)
    except (aio.InternalError, aio.UsageError) as error:
        raise asyncio.CancelledError from error
