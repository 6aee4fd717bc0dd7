"""Reads what a part says at /metrics: its calls, how long they took, and its counts."""

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample as Line

from tools.shop.part import Calls, Count

# Health checks and the like are the shop's own questions, not its work.
_NOT_WORK = "grpc."
_WINDOW = 10.0
_HISTORY = 60


@dataclass(frozen=True, slots=True)
class Histogram:
    """Cumulative counts by upper bound, as Prometheus gives them; the last bound is +Inf."""

    bounds: tuple[float, ...] = ()
    counts: tuple[float, ...] = ()

    def since(self, older: Histogram) -> Histogram:
        """Return what was observed after the older state of the same histogram."""
        if older.bounds != self.bounds:
            return self
        pairs = zip(self.counts, older.counts, strict=True)
        return Histogram(self.bounds, tuple(new - old for new, old in pairs))

    def quantile(self, q: float) -> float | None:
        """Estimate a quantile as Prometheus' histogram_quantile does; None if nothing was observed.

        Within a bucket, observations are taken as evenly spread. Beyond the last finite bound
        nothing is known, so that bound is returned.
        """
        total = self.counts[-1] if self.counts else 0
        if total <= 0:
            return None
        rank = q * total
        lower, below = 0.0, 0.0
        for bound, count in zip(self.bounds, self.counts, strict=True):
            if count >= rank and count > below:
                if math.isinf(bound):
                    return lower
                return lower + (bound - lower) * max(0.0, rank - below) / (count - below)
            lower, below = bound, count
        return lower


@dataclass(frozen=True, slots=True)
class Sample:
    """What one scrape said. `at` is in seconds of the monotonic clock."""

    at: float
    calls: Mapping[str, float]
    latency: Histogram
    counts: Mapping[str, float]
    # RPCs that the part made and that ended, by the full name of the service.
    made: Mapping[str, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """All calls that ended, whatever their status."""
        return sum(self.calls.values())


def read(text: str, at: float, calls: Calls, counts: Sequence[Count]) -> Sample:
    """Parse a page of metrics. A count whose metric is absent is absent from the sample."""
    prefix = calls.value
    codes: dict[str, float] = {}
    buckets: dict[float, float] = {}
    found: dict[str, float] = {}
    made: dict[str, float] = {}
    for line in _lines(text):
        if line.name == f"{prefix}_handled_total" and _is_work(line):
            code = line.labels["code"]
            codes[code] = codes.get(code, 0) + line.value
        elif line.name == f"{prefix}_duration_seconds_bucket" and _is_work(line):
            bound = float(line.labels["le"])
            buckets[bound] = buckets.get(bound, 0) + line.value
        if line.name == f"{Calls.CLIENT.value}_handled_total" and _is_work(line):
            service = line.labels["service"]
            made[service] = made.get(service, 0) + line.value
        for count in counts:
            if line.name == count.metric and count.labels.items() <= line.labels.items():
                title = count.title_of(line.labels)
                found[title] = found.get(title, 0) + count.number(line.value, line.labels)
    bounds = tuple(sorted(buckets))
    latency = Histogram(bounds, tuple(buckets[b] for b in bounds))
    return Sample(at, codes, latency, found, made)


def _lines(text: str) -> Iterator[Line]:
    for family in text_string_to_metric_families(text):
        yield from family.samples


def _is_work(line: Line) -> bool:
    return not line.labels.get("service", "").startswith(_NOT_WORK)


@dataclass(slots=True)
class History:
    """The samples of one process's life: enough for a rate now and a picture of the last minute."""

    samples: deque[Sample] = field(default_factory=lambda: deque(maxlen=_HISTORY))

    def add(self, sample: Sample) -> None:
        """Take in the newest sample."""
        self.samples.append(sample)

    @property
    def last(self) -> Sample | None:
        """The newest sample."""
        return self.samples[-1] if self.samples else None

    def rate(self) -> float | None:
        """Return calls a second over the last ten seconds; None before there are two samples."""
        if len(self.samples) < 2:
            return None
        return _rate(self._window_start().total, self.samples[-1].total, self._window())

    def made(self) -> dict[str, float]:
        """Return RPCs a second to each service over the last ten seconds, busiest first."""
        if len(self.samples) < 2:
            return {}
        older, newer = self._window_start().made, self.samples[-1].made
        rates = {
            service: _rate(older.get(service, 0), total, self._window())
            for service, total in newer.items()
        }
        return dict(sorted(rates.items(), key=lambda each: -each[1]))

    def rates(self) -> list[float]:
        """Return calls a second between each two samples of the last minute, oldest first."""
        return [
            _rate(older.total, newer.total, newer.at - older.at)
            for older, newer in pairwise(self.samples)
        ]

    def quantile(self, q: float) -> float | None:
        """Estimate the seconds that a call took over the last ten seconds; None if none ended."""
        if not self.samples:
            return None
        return self.samples[-1].latency.since(self._window_start().latency).quantile(q)

    def _window_start(self) -> Sample:
        newest = self.samples[-1]
        return next(s for s in self.samples if newest.at - s.at <= _WINDOW)

    def _window(self) -> float:
        return self.samples[-1].at - self._window_start().at


def _rate(older: float, newer: float, seconds: float) -> float:
    return (newer - older) / max(seconds, 1e-3)
