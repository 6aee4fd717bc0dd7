"""What the carts count, beside what every server does."""

from collections.abc import Iterator

from prometheus_client import REGISTRY, Counter
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from cart.model import BatchResult

_ITEMS = Counter("bodega_cart_items", "Items that were to be added.", ["outcome"])
_ISSUES = Counter("bodega_cart_item_issues", "What was said of items, by issue.", ["issue"])
_OPERATIONS = Counter(
    "bodega_cart_session_operations",
    "Operations of live sessions, by the status that their results say.",
    ["change", "code"],
)
_ADDED = _ITEMS.labels("added")
_REJECTED = _ITEMS.labels("rejected")


def count_items(result: BatchResult) -> None:
    """Count the items of a batch that is stored."""
    _ADDED.inc(result.added)
    _REJECTED.inc(len(result.rejected))
    for notice in (*result.rejected, *result.warnings):
        _ISSUES.labels(notice.issue.name).inc()


def count_operation(change: str, code: str) -> None:
    """Count an operation that is answered."""
    _OPERATIONS.labels(change, code).inc()


class MessageTally(Collector):
    """How often a cart was at hand as it is sent: plain fields, because every read counts there."""

    def __init__(self) -> None:
        self.hits = 0
        self.misses = 0
        REGISTRY.register(self)

    def collect(self) -> Iterator[Metric]:
        """Report to Prometheus."""
        text = "Reads of a cart, by whether its message was at hand."
        family = CounterMetricFamily("bodega_cart_message_reads", text, labels=["outcome"])
        family.add_metric(["hit"], self.hits)
        family.add_metric(["miss"], self.misses)
        yield family


MESSAGES = MessageTally()
