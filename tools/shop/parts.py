"""What the shop is made of. A new part is one more entry here and in the BUILD file's `data`."""

from tools.shop.part import Calls, Count, GrpcHealth, HttpReady, Part, Port

_sent = Count("batches", "bodega_product_worker_batches_sent_total")


def _products(outcome: str) -> Count:
    return Count(outcome, "bodega_product_worker_products_total", {"outcome": outcome})


_product = Port("product", 50051)
_product_worker_metrics = Port("product-worker-metrics", 9061)

PARTS = (
    Part(
        name="product",
        binary="product/server",
        flags=(
            *("--listen", "{product}", "--metrics-listen", "{product-metrics}"),
            *("--database", "sqlite:///{data}/product.db"),
        ),
        listens=_product,
        metrics=Port("product-metrics", 9051),
        ready=GrpcHealth(_product, "bodega.product.v1.ProductService"),
        calls=Calls.SERVER,
        counts=(Count("products", "bodega_product_catalogue_products"),),
    ),
    Part(
        name="product-worker",
        binary="workers/product_worker",
        flags=(
            *("--target", "{product}", "--metrics-listen", "{product-worker-metrics}"),
            *("--data", "{data}"),
        ),
        metrics=_product_worker_metrics,
        ready=HttpReady(_product_worker_metrics),
        calls=Calls.CLIENT,
        needs=("product",),
        counts=(_sent, *(_products(outcome) for outcome in ("inserted", "updated", "rejected"))),
        progress=_sent,
        # It has read its --source to the end: 3 says that some rows were not imported.
        done_codes=frozenset({0, 3}),
    ),
)
