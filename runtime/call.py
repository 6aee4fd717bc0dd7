"""The RPC that is being served, for what runs below its handler.

Nothing is read out of the call until somebody asks: a call that neither logs nor calls
onward pays for one small object.
"""

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from runtime.method import Method

# Logs ask for the call in every process, and not all of them speak gRPC.
if TYPE_CHECKING:
    from grpc import aio

type Context = aio.ServicerContext[Any, Any]
type Headers = tuple[tuple[str, str], ...]

TRACE_HEADERS = frozenset({"traceparent", "tracestate"})


class Call:
    """One RPC on the server's side. `context` is None once it has ended.

    `is_late` says that it came when its server drained already.

    The context is let go then, because the engine's call, its task, the task's context
    variables and this object would otherwise be a cycle, left to the garbage collector at
    every RPC. And a background task that an RPC began has no deadline after its end.
    """

    __slots__ = ("context", "is_late", "method", "stopping")

    def __init__(
        self, method: Method, context: Context, stopping: asyncio.Event, is_late: bool
    ) -> None:
        self.method = method
        self.context: Context | None = context
        self.stopping = stopping
        self.is_late = is_late

    def time_remaining(self) -> float | None:
        """Seconds until the caller's deadline, never negative; None where there is none."""
        return None if self.context is None else remaining(self.context)

    def trace_headers(self) -> Headers:
        """Return the W3C trace context that the caller sent."""
        metadata = () if self.context is None else self.context.invocation_metadata() or ()
        return tuple((key, str(value)) for key, value in metadata if key in TRACE_HEADERS)


current_call: ContextVar[Call | None] = ContextVar("current_call", default=None)

# The native engine says "no deadline" with a number of seconds that no deadline reaches.
NO_DEADLINE = 1e9


def remaining(context: Context) -> float | None:
    """Seconds until the deadline, the same on both engines."""
    seconds: float | None = context.time_remaining()
    return None if seconds is None or seconds > NO_DEADLINE else max(seconds, 0.0)
