"""What is counted of the questions to Product and Discount."""

from prometheus_client import Counter, Gauge

_LOOKUPS = Counter(
    "bodega_cart_lookups",
    "Products and discount codes wanted: known already (hit), being fetched already (joined), or"
    " fetched (miss).",
    ["service", "outcome"],
)

FAILURES = Counter(
    "bodega_cart_upstream_failures",
    "Calls of a quote or a redemption that failed, after gRPC's own retries.",
    ["service", "code"],
)

WATCHING = Gauge(
    "bodega_cart_product_watch_running",
    "Whether changes of products are heard of; while they are not, prices are kept for a second.",
)


class LookupCounts:
    """The counters of one service's lookups."""

    def __init__(self, service: str) -> None:
        self.hits = _LOOKUPS.labels(service, "hit")
        self.joined = _LOOKUPS.labels(service, "joined")
        self.misses = _LOOKUPS.labels(service, "miss")
