"""Counts and times every request, by its route."""

from functools import cache
from time import perf_counter

from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LABELS = ("route", "method", "code")

_handled = Counter("bodega_http_server_handled", "Requests answered.", _LABELS)
_duration = Histogram(
    "bodega_http_server_duration_seconds",
    "Time to the end of the answer.",
    ("route", "method"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)

# A method is whatever a stranger writes, and each new one would be a new time series.
_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})


class Metrics:
    """The route is what was matched, never the path that was asked for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, and measure."""
        begin, code = perf_counter(), 0

        async def noting(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            _counter(route, method, code).inc()
            _histogram(route, method).observe(perf_counter() - begin)


@cache
def _counter(route: str, method: str, code: int) -> Counter:
    return _handled.labels(route, method, code)


@cache
def _histogram(route: str, method: str) -> Histogram:
    return _duration.labels(route, method)
