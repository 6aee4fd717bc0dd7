"""The errors slot of the chain: what a handler raises becomes a status."""

from contextlib import aclosing
from typing import Any, NoReturn

import grpc
from google.rpc import status_pb2
from grpc import aio

from runtime import errors
from runtime.abort import Trailers, abort
from runtime.call import Context
from runtime.logs import get_logger
from runtime.method import Method
from runtime.middleware import StreamHandler, UnaryHandler
from runtime.reason import Reason
from runtime.status import to_status

DETAILS_KEY = "grpc-status-details-bin"
CHALLENGE_KEY = "www-authenticate"

CODE_OF_NUMBER = {code.value[0]: code for code in grpc.StatusCode}

INTERNAL = status_pb2.Status(code=grpc.StatusCode.INTERNAL.value[0], message="internal error")

log = get_logger(__name__)


class Errors:
    """Maps errors of the domain to their status, all others to INTERNAL "internal error".

    The text of an unforeseen error goes to the log alone. Cancellation passes untouched.
    """

    def unary(self, _method: Method, handler: UnaryHandler) -> UnaryHandler:
        """Map what the handler raises."""

        async def mapped(request: Any, context: Context) -> Any:
            try:
                return await handler(request, context)
            except Exception as error:  # noqa: BLE001 (this is the wrapper that maps them all)
                await end_with(error, context)

        return mapped

    def stream(self, _method: Method, handler: StreamHandler) -> StreamHandler:
        """Map what the handler raises, at its start or between messages."""

        async def mapped(request: Any, context: Context) -> Any:
            try:
                async with aclosing(handler(request, context)) as responses:
                    async for response in responses:
                        yield response
            except Exception as error:  # noqa: BLE001 (this is the wrapper that maps them all)
                await end_with(error, context)

        return mapped


async def end_with(error: Exception, context: Context) -> NoReturn:
    """End the RPC with the status of the error."""
    if isinstance(error, aio.AbortError):
        raise error
    status = status_of(error)
    trailers: Trailers = ((DETAILS_KEY, status.SerializeToString()),)
    if isinstance(error, errors.Unauthenticated | errors.PermissionDenied) and error.challenge:
        trailers += ((CHALLENGE_KEY, error.challenge),)
    await abort(context, CODE_OF_NUMBER[status.code], status.message, trailers)


def status_of(error: Exception) -> status_pb2.Status:
    """Return the status of an error, and log one that nobody foresaw.

    For a stream that answers each of its messages, too: an answer says what an RPC would.
    """
    match error:
        case errors.DomainError():
            return to_status(error)
        case aio.AioRpcError() if error.code() in PASSED_ON:
            return to_status(PASSED_ON[error.code()])
    log.error("rpc failed", exc_info=error)
    return INTERNAL


# What an onward call met and the caller may retry. Its own text stays here.
_AWAY = errors.Unavailable("a service this one needs is away", reason=Reason.UPSTREAM_UNAVAILABLE)
PASSED_ON = {
    grpc.StatusCode.UNAVAILABLE: _AWAY,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.Unavailable(
        "a service this one needs did not answer in time", reason=Reason.UPSTREAM_TIMEOUT
    ),
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.Unavailable(
        "a service this one needs is overloaded", reason=Reason.UPSTREAM_OVERLOADED
    ),
}
