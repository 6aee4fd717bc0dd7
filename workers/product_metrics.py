"""What the product worker counts."""

from prometheus_client import Counter, Gauge

BATCHES = Counter("bodega_product_worker_batches_sent", "Batches that Product acknowledged.")
REPEATED = Counter(
    "bodega_product_worker_batches_repeated",
    "Batches among those sent that Product had committed before, and did not apply again.",
)
PRODUCTS = Counter(
    "bodega_product_worker_products",
    "Products by outcome: inserted, updated, rejected by Product, skipped by the worker.",
    ("outcome",),
)
FAILURES = Counter(
    "bodega_product_worker_failures", "Streams that failed, by gRPC status code.", ("code",)
)
LAST_SUCCESS = Gauge(
    "bodega_product_worker_last_success_timestamp_seconds",
    "When Product last acknowledged a stream, in seconds since 1970.",
)
for _outcome in ("inserted", "updated", "rejected", "skipped"):
    PRODUCTS.labels(_outcome)


def count_failure(code: str) -> None:
    """Count a stream that failed."""
    FAILURES.labels(code).inc()
