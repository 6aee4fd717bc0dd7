"""What cuts across all RPCs, wrapped around each handler once, when it is registered.

grpc's own interceptors are walked again at every call, and what they raise bypasses the
mapping of errors. A middleware here is called at registration and returns the handler's
wrapper; what it needs per method (a metric's child, a policy) it looks up then.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any, Protocol

from runtime.call import Context
from runtime.method import Method

# The request is bytes, or an asynchronous iterator of bytes: the codec is innermost, so
# that a caller who may not call costs no parsing, and a failed parse is a mapped error.
type UnaryHandler = Callable[[Any, Context], Awaitable[Any]]
type StreamHandler = Callable[[Any, Context], AsyncGenerator[Any]]


class Middleware(Protocol):
    """Wraps handlers that answer once (`unary`) or with a stream (`stream`)."""

    def unary(self, method: Method, handler: UnaryHandler) -> UnaryHandler:
        """Wrap a handler of a unary or client-streaming method."""

    def stream(self, method: Method, handler: StreamHandler) -> StreamHandler:
        """Wrap a handler of a server-streaming or bidirectional method."""


def fuse_unary(
    method: Method, handler: UnaryHandler, middleware: Sequence[Middleware]
) -> UnaryHandler:
    """Wrap the handler; the first of the middleware is the outermost."""
    for each in reversed(middleware):
        handler = each.unary(method, handler)
    return handler


def fuse_stream(
    method: Method, handler: StreamHandler, middleware: Sequence[Middleware]
) -> StreamHandler:
    """Wrap the handler; the first of the middleware is the outermost."""
    for each in reversed(middleware):
        handler = each.stream(method, handler)
    return handler
