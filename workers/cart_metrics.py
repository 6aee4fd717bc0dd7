"""What the cart worker counts."""

from prometheus_client import Counter, Gauge

VISITS = Counter("bodega_cart_worker_visits", "Visits whose items Cart acknowledged.")
REPEATED = Counter(
    "bodega_cart_worker_visits_repeated",
    "Visits among those that Cart had stored before, and did not apply again.",
)
ABANDONED = Counter(
    "bodega_cart_worker_visits_abandoned", "Visits that Cart refused or failed at each time."
)
ITEMS = Counter(
    "bodega_cart_worker_items", "Items by outcome: added, or rejected by Cart.", ("outcome",)
)
FAILURES = Counter(
    "bodega_cart_worker_failures",
    "Calls that failed, by service and gRPC status code.",
    ("service", "code"),
)
LAST_SUCCESS = Gauge(
    "bodega_cart_worker_last_success_timestamp_seconds",
    "When Cart last acknowledged a visit, in seconds since 1970.",
)
for _outcome in ("added", "rejected"):
    ITEMS.labels(_outcome)
