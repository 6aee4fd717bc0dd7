"""One method of a stub, with what every outgoing call needs fused around it."""

from time import perf_counter
from typing import Any

import grpc
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from runtime.authorized import AuthorizedCall, Tokens
from runtime.call import Headers, current_call
from runtime.ending import Ending, SendingCall
from runtime.tally import CLIENT
from runtime.tracing import PROPAGATOR, TraceSource

# What is kept back of the deadline of the RPC being served, to answer within it.
RESERVE_SECONDS = 0.05
RESERVE_SHARE = 0.1


def within(timeout: float) -> float:
    """Shorten a timeout to below what is left of the RPC that is being served."""
    call = current_call.get()
    left = None if call is None else call.time_remaining()
    if left is None:
        return timeout
    return min(timeout, left - min(RESERVE_SECONDS, left * RESERVE_SHARE))


class Outgoing:
    """Calls a method with a deadline and the trace context, and counts how it ends."""

    def __init__(
        self,
        path: str,
        multicallable: Any,
        timeout: float,
        traces: TraceSource | None,
        tokens: Tokens | None = None,
        *,
        sends_stream: bool = False,
    ) -> None:
        _, service, method = path.split("/")
        self._path = path
        self._multicallable = multicallable
        self._timeout = timeout
        self._traces = traces
        self._tokens = tokens
        self._sends_stream = sends_stream
        self._tally = CLIENT.of(service, method)

    def __call__(
        self,
        request: Any = None,
        *,
        timeout: float | None = None,
        metadata: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Begin the call and return grpc's call object, or one of ours around it."""
        timeout = within(self._timeout if timeout is None else timeout)
        if self._tokens is None:
            return self._begin(request, timeout, metadata or (), kwargs)
        deadline = perf_counter() + timeout

        def begin(token: str) -> Any:
            headers = (*(metadata or ()), ("authorization", f"Bearer {token}"))
            return self._begin(request, deadline - perf_counter(), headers, kwargs)

        return AuthorizedCall(self._tokens, begin, deadline, repeats=not self._sends_stream)

    def _begin(self, request: Any, timeout: float, metadata: Any, kwargs: dict[str, Any]) -> Any:
        span = self._span()
        start = perf_counter()
        call = self._multicallable(
            request,
            timeout=timeout,
            metadata=(*metadata, *_trace_headers(span)) or None,
            **kwargs,
        )
        self._tally.in_flight += 1
        ending = Ending(lambda code: self._end(code, start, span))
        call.add_done_callback(ending.done)
        return SendingCall(call, ending) if self._sends_stream else call

    def _span(self) -> trace.Span | None:
        """Begin a span where the work that calls is itself recorded."""
        if self._traces is None or not trace.get_current_span().is_recording():
            return None
        return self._traces.tracer.start_span(self._path[1:], kind=SpanKind.CLIENT)

    def _end(self, code: grpc.StatusCode, start: float, span: trace.Span | None) -> None:
        self._tally.end(perf_counter() - start, code.name)
        if span is not None:
            if code is not grpc.StatusCode.OK:
                span.set_status(Status(StatusCode.ERROR, code.name))
            span.end()


def _trace_headers(span: trace.Span | None) -> Headers:
    """Return the trace context to send: of the span, else what our own caller sent."""
    if span is not None:
        carrier: dict[str, str] = {}
        PROPAGATOR.inject(carrier, trace.set_span_in_context(span))
        return tuple(carrier.items())
    call = current_call.get()
    return call.trace_headers() if call is not None else ()
