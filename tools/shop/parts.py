"""What the shop is made of. A new part is one more entry here and in the BUILD file's `data`."""

from tools.shop.part import Calls, Count, GrpcHealth, HttpReady, Part, Port

_sent = Count("batches", "bodega_product_worker_batches_sent_total")
_visits = Count("visits", "bodega_cart_worker_visits_total")


def _products(outcome: str) -> Count:
    return Count(outcome, "bodega_product_worker_products_total", {"outcome": outcome})


def _items(outcome: str) -> Count:
    return Count(outcome, "bodega_cart_worker_items_total", {"outcome": outcome})


def _answered(title: str, route: str, code: int) -> Count:
    labels = {"route": route, "method": "POST", "code": str(code)}
    return Count(title, "bodega_http_server_handled_total", labels)


_identity = Port("identity", 8080)
_identity_metrics = Port("identity-metrics", 9054)
_product = Port("product", 50051)
_discount = Port("discount", 50053)
_cart = Port("cart", 50052)
_product_worker_metrics = Port("product-worker-metrics", 9061)
_cart_worker_metrics = Port("cart-worker-metrics", 9062)

PARTS = (
    Part(
        name="identity",
        binary="identity/server",
        flags=(
            *("--listen", "{identity}", "--metrics-listen", "{identity-metrics}"),
            *("--issuer", "http://{identity}"),
            *("--database", "sqlite:///{data}/identity.db", "--data", "{data}"),
        ),
        listens=_identity,
        metrics=_identity_metrics,
        ready=HttpReady(_identity_metrics),
        calls=Calls.HTTP,
        # Who logs in is sent on; who may not is shown the form again.
        counts=(_answered("tokens", "/token", 200), _answered("log-ins", "/login", 303)),
    ),
    Part(
        name="product",
        binary="product/server",
        flags=(
            *("--listen", "{product}", "--metrics-listen", "{product-metrics}"),
            *("--database", "sqlite:///{data}/product.db", "--issuer", "http://{identity}"),
        ),
        listens=_product,
        metrics=Port("product-metrics", 9051),
        ready=GrpcHealth(_product, "bodega.product.v1.ProductService"),
        calls=Calls.SERVER,
        counts=(Count("products", "bodega_product_catalogue_products"),),
    ),
    Part(
        name="discount",
        binary="discount/server",
        flags=(
            *("--listen", "{discount}", "--metrics-listen", "{discount-metrics}"),
            *("--database", "sqlite:///{data}/discount.db", "--issuer", "http://{identity}"),
            *("--codes", "{here}/codes.toml"),
        ),
        listens=_discount,
        metrics=Port("discount-metrics", 9053),
        ready=GrpcHealth(_discount, "bodega.discount.v1.DiscountService"),
        calls=Calls.SERVER,
        counts=(
            Count("codes looked up", "bodega_discount_answers_total"),
            Count("redeemed", "bodega_discount_redeemed_total", {"state": "active"}),
        ),
    ),
    Part(
        name="cart",
        binary="cart/server",
        flags=(
            *("--listen", "{cart}", "--metrics-listen", "{cart-metrics}"),
            *("--database", "sqlite:///{data}/cart.db", "--issuer", "http://{identity}"),
            *("--product", "{product}", "--discount", "{discount}"),
            *("--client-secret-file", "{data}/clients/cart.secret"),
        ),
        listens=_cart,
        metrics=Port("cart-metrics", 9052),
        ready=GrpcHealth(_cart, "bodega.cart.v1.CartService"),
        calls=Calls.SERVER,
        needs=("identity", "product", "discount"),
        counts=(
            Count("carts", "bodega_cart_carts"),
            Count("items", "bodega_cart_lines"),
            Count("", "bodega_cart_value_minor", by="currency", minor_units=True),
        ),
    ),
    Part(
        name="product-worker",
        binary="workers/product_worker",
        flags=(
            *("--target", "{product}", "--metrics-listen", "{product-worker-metrics}"),
            *("--data", "{data}", "--issuer", "http://{identity}"),
        ),
        metrics=_product_worker_metrics,
        ready=HttpReady(_product_worker_metrics),
        calls=Calls.CLIENT,
        needs=("identity", "product"),
        counts=(_sent, *(_products(outcome) for outcome in ("inserted", "updated", "rejected"))),
        progress=_sent,
        # It has read its --source to the end: 3 says that some rows were not imported.
        done_codes=frozenset({0, 3}),
    ),
    Part(
        name="cart-worker",
        binary="workers/cart_worker",
        flags=(
            *("--product", "{product}", "--cart", "{cart}"),
            *("--metrics-listen", "{cart-worker-metrics}"),
            *("--data", "{data}", "--issuer", "http://{identity}"),
        ),
        metrics=_cart_worker_metrics,
        ready=HttpReady(_cart_worker_metrics),
        calls=Calls.CLIENT,
        # Without a product there is nothing to buy.
        needs=("cart", "product-worker"),
        counts=(_visits, *(_items(outcome) for outcome in ("added", "rejected"))),
        progress=_visits,
    ),
)
