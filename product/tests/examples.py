"""What the tests have in common: products to send, and how to send them."""

import json
from collections.abc import AsyncIterator, Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from google.protobuf.message import Message
from google.type import money_pb2
from grpc import aio

from bodega.product.v1 import product_pb2, product_pb2_grpc
from product.model import Draft, Key, Order, Product

if TYPE_CHECKING:
    # Its methods await; only type checkers know it.
    type Stub = product_pb2_grpc.ProductServiceAsyncStub

EURO = "EUR"


def money(units: int, nanos: int = 0, currency: str = EURO) -> money_pb2.Money:
    return money_pb2.Money(currency_code=currency, units=units, nanos=nanos)


def message(sku: str, **fields: Any) -> product_pb2.Product:
    """Return a product that breaks no rule, but for what the fields say."""
    good: dict[str, Any] = {
        "name": f"Product {sku}",
        "description": "For people to read.",
        "price": money(12, 500_000_000),
        "status": product_pb2.PRODUCT_STATUS_IN_STOCK,
    }
    return product_pb2.Product(sku=sku, **good | fields)


def draft(sku: str, **fields: Any) -> Draft:
    good = Draft(
        sku,
        name=f"Product {sku}",
        description="For people to read.",
        currency=EURO,
        price_minor=1250,
        status=1,
    )
    return good._replace(**fields)


def pack(product: Product) -> bytes:
    """Encode a product in a way of the tests' own: a store knows no other than it is given."""
    return json.dumps(product).encode()


def unpack(message: bytes) -> Product:
    return Product(*json.loads(message))


def key_in(order: Order) -> Callable[[Product], Key]:
    """Return what sorts products in this order."""
    return lambda product: tuple(getattr(product, each) for each in order.columns)


def batch(
    batch_id: str, products: Iterable[product_pb2.Product]
) -> product_pb2.ImportProductsRequest:
    return product_pb2.ImportProductsRequest(batch_id=batch_id, products=products)


async def stream[T](*items: T) -> AsyncIterator[T]:
    for item in items:
        yield item


async def next_of[R: Message](call: aio.UnaryStreamCall[Any, R]) -> R:
    """Return the next message of a stream, which must not end."""
    response = await call.read()
    assert response is not aio.EOF
    return cast("R", response)


def raw(channel: aio.Channel, method: str, *, streams: bool = False) -> Any:
    """Return a method that takes and gives bytes."""
    make: Any = channel.stream_unary if streams else channel.unary_unary
    return make(f"/bodega.product.v1.ProductService/{method}")
