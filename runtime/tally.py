"""The numbers of RPCs as plain fields, turned into Prometheus metrics when scraped.

prometheus_client's own counters take a lock for each of the five numbers that an RPC
changes, some 3 µs in all, a tenth of what serving it takes on the native engine. Here
only the event loop writes, so a field of an object does; the scrape reads from its thread.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import accumulate

import grpc
from prometheus_client import REGISTRY
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

# Upper bounds in seconds.
BUCKETS = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
LABELS = ("service", "method")


class Tally:
    """The numbers of one method. One that `is_endless` takes no time: its callers take theirs."""

    __slots__ = ("_buckets", "_handled", "_seconds", "in_flight", "is_endless", "received", "sent")

    def __init__(self, *, is_endless: bool = False) -> None:
        self.is_endless = is_endless
        self.in_flight = 0
        self.received = 0
        self.sent = 0
        self._handled = dict.fromkeys((code.name for code in grpc.StatusCode), 0)
        self._buckets = [0] * (len(BUCKETS) + 1)
        self._seconds = 0.0

    def end(self, seconds: float, code: str) -> None:
        """Count an RPC that was in flight as ended."""
        self.in_flight -= 1
        self._handled[code] += 1
        self._buckets[bisect_left(BUCKETS, seconds)] += 1
        self._seconds += seconds

    @property
    def has_ended(self) -> bool:
        """Whether an RPC has ended."""
        return any(self._buckets)

    def handled(self) -> Iterator[tuple[str, int]]:
        """Return how many ended with each status code that occurred."""
        return ((code, count) for code, count in self._handled.items() if count)

    def histogram(self) -> tuple[list[tuple[str, float]], float]:
        """Return the cumulative buckets and the sum of the seconds."""
        bounds = (*map(str, BUCKETS), "+Inf")
        return list(zip(bounds, map(float, accumulate(self._buckets)), strict=True)), self._seconds


class Tallies(Collector):
    """The tallies of one side, `server` or `client`, under `bodega_rpc_<side>_…`.

    Where the messages of streams are not counted, nothing is said of them.
    """

    def __init__(self, side: str, *, counts_messages: bool) -> None:
        self._counts_messages = counts_messages
        self._prefix = f"bodega_rpc_{side}"
        self._tallies: dict[tuple[str, str], Tally] = {}
        REGISTRY.register(self)

    def of(self, service: str, method: str, *, is_endless: bool = False) -> Tally:
        """Return the numbers of a method, one object for the whole process."""
        return self._tallies.setdefault((service, method), Tally(is_endless=is_endless))

    def collect(self) -> Iterator[Metric]:
        """Report to Prometheus."""
        yield self._codes()
        yield self._durations()
        yield self._in_flight()
        if self._counts_messages:
            yield self._messages("received", lambda tally: tally.received)
            yield self._messages("sent", lambda tally: tally.sent)

    def _codes(self) -> Metric:
        text = "RPCs that ended, by status code."
        family = CounterMetricFamily(f"{self._prefix}_handled", text, labels=(*LABELS, "code"))
        for labels, tally in list(self._tallies.items()):
            for code, count in tally.handled():
                family.add_metric((*labels, code), count)
        return family

    def _durations(self) -> Metric:
        text = "Seconds from the start of an RPC to its end, but of streams without an end."
        name = f"{self._prefix}_duration_seconds"
        family = HistogramMetricFamily(name, text, labels=LABELS)
        for labels, tally in list(self._tallies.items()):
            # Nineteen lines of zeros for each method that nobody calls would be most of a page.
            if tally.has_ended and not tally.is_endless:
                family.add_metric(labels, *tally.histogram())
        return family

    def _in_flight(self) -> Metric:
        family = GaugeMetricFamily(f"{self._prefix}_in_flight", "RPCs that run.", labels=LABELS)
        for labels, tally in list(self._tallies.items()):
            family.add_metric(labels, tally.in_flight)
        return family

    def _messages(self, direction: str, count: Callable[[Tally], int]) -> Metric:
        name = f"{self._prefix}_messages_{direction}"
        family = CounterMetricFamily(name, f"Stream messages {direction}.", labels=LABELS)
        for labels, tally in list(self._tallies.items()):
            family.add_metric(labels, count(tally))
        return family


SERVER = Tallies("server", counts_messages=True)
CLIENT = Tallies("client", counts_messages=False)
