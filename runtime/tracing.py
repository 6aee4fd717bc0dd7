"""OpenTelemetry spans around RPCs, only for those that are sampled.

Whether an RPC is sampled is decided from the caller's `traceparent` (W3C Trace Context) or
the ratio before anything is made: an RPC that is not sampled has no span at all.
"""

from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from random import random
from typing import Any

from opentelemetry import context as otel
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from runtime.call import Context
from runtime.method import Method
from runtime.metrics import code_of
from runtime.middleware import StreamHandler, UnaryHandler

PROPAGATOR = TraceContextTextMapPropagator()
SAMPLED = 1


@dataclass(frozen=True, slots=True)
class TraceSource:
    """Makes spans; of the traces that begin here, the share `ratio` is recorded."""

    tracer: trace.Tracer
    ratio: float

    @contextmanager
    def begin(self, name: str) -> Iterator[None]:
        """Begin a trace around a piece of work that no RPC caused, if it is sampled."""
        if random() >= self.ratio:  # noqa: S311 (sampling is no secret)
            yield
            return
        with self.tracer.start_as_current_span(name, context=otel.Context()):
            _recording.set(self)
            yield


# Whoever makes spans of the work that runs here; unset where it is not sampled.
_recording: ContextVar[TraceSource | None] = ContextVar("recording", default=None)


@contextmanager
def step(name: str, **attributes: str | int) -> Iterator[None]:
    """Give a part of the work a span of its own, where that work is recorded.

    A stream is one span however long it lives: this is for what is done for each of its messages.
    """
    source = _recording.get()
    if source is None or not trace.get_current_span().is_recording():
        yield
        return
    named = {f"bodega.{key}": value for key, value in attributes.items()}
    with source.tracer.start_as_current_span(name, attributes=named):
        yield


class Tracing:
    """A server span around each sampled RPC; without a source it adds nothing at all."""

    def __init__(self, source: TraceSource | None = None) -> None:
        self._source = source

    def unary(self, method: Method, handler: UnaryHandler) -> UnaryHandler:
        """Trace a handler that answers once."""
        source = self._source
        if source is None or method.is_standard:
            return handler

        async def traced(request: Any, context: Context) -> Any:
            parent = _parent(source, context)
            if parent is None:
                return await handler(request, context)
            span = _start(source, method, parent)
            try:
                return await handler(request, context)
            except BaseException as error:
                _fail(span, code_of(error, context))
                raise
            finally:
                span.end()

        return traced

    def stream(self, method: Method, handler: StreamHandler) -> StreamHandler:
        """Trace a handler that answers with a stream."""
        source = self._source
        if source is None or method.is_standard:
            return handler

        async def traced(request: Any, context: Context) -> Any:
            parent = _parent(source, context)
            span = trace.INVALID_SPAN if parent is None else _start(source, method, parent)
            try:
                async with aclosing(handler(request, context)) as responses:
                    async for response in responses:
                        yield response
            except BaseException as error:
                _fail(span, code_of(error, context))
                raise
            finally:
                span.end()

        return traced


def _parent(source: TraceSource, context: Context) -> otel.Context | None:
    """Return the context to make a span in, or None where the RPC is not sampled."""
    headers = dict(context.invocation_metadata() or ())
    if "traceparent" in headers:
        parent = PROPAGATOR.extract(headers, context=otel.Context())
        flags = trace.get_current_span(parent).get_span_context().trace_flags
        return parent if flags & SAMPLED else None
    return otel.Context() if random() < source.ratio else None  # noqa: S311 (no secret)


def _start(source: TraceSource, method: Method, parent: otel.Context) -> trace.Span:
    span = source.tracer.start_span(
        method.path[1:],
        context=parent,
        kind=SpanKind.SERVER,
        attributes={"rpc.system": "grpc", "rpc.service": method.service, "rpc.method": method.name},
    )
    # Never detached: each RPC runs in a task of its own, whose context ends with it.
    _recording.set(source)
    otel.attach(trace.set_span_in_context(span, parent))
    return span


def _fail(span: trace.Span, code: str) -> None:
    span.set_attribute("rpc.grpc.status", code)
    span.set_status(Status(StatusCode.ERROR, code))
