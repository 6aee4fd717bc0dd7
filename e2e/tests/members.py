"""The images as parts of one shop: ports of its own beside those of the other tests."""

from collections.abc import Mapping
from dataclasses import dataclass

SERVING = '"event": "serving"'
ISSUER = "http://127.0.0.1:8180"
PRODUCT = "127.0.0.1:51051"
CART = "127.0.0.1:51052"
DISCOUNT = "127.0.0.1:51053"


@dataclass(frozen=True)
class Member:
    """A part: where its archive's path is, what it runs and how it is set up, what it says then."""

    name: str
    archive: str
    module: str
    env: Mapping[str, str]
    says: str = SERVING


def _env(prefix: str, **settings: str) -> dict[str, str]:
    own = {"ISSUER": ISSUER, "METRICS_LISTEN": "off", **settings}
    return {f"BODEGA_{prefix}_{name}": value for name, value in own.items()}


# Each after what it needs.
MEMBERS = (
    Member(
        "identity",
        "IDENTITY_IMAGE",
        "identity.server",
        _env("IDENTITY", LISTEN=ISSUER.removeprefix("http://")),
    ),
    Member("product", "PRODUCT_IMAGE", "product.server", _env("PRODUCT", LISTEN=PRODUCT)),
    Member("discount", "DISCOUNT_IMAGE", "discount.server", _env("DISCOUNT", LISTEN=DISCOUNT)),
    Member(
        "cart",
        "CART_IMAGE",
        "cart.server",
        _env("CART", LISTEN=CART, PRODUCT=PRODUCT, DISCOUNT=DISCOUNT),
    ),
    Member(
        "product-worker",
        "PRODUCT_WORKER_IMAGE",
        "workers.product_worker",
        _env("PRODUCT_WORKER", TARGET=PRODUCT, INTERVAL="200ms", BATCH="200"),
        says='"event": "products imported"',
    ),
    # Without discount codes: nobody has made any.
    Member(
        "cart-worker",
        "CART_WORKER_IMAGE",
        "workers.cart_worker",
        _env("CART_WORKER", PRODUCT=PRODUCT, CART=CART, INTERVAL="200ms", CODES=","),
        says='"event": "items added"',
    ),
)
