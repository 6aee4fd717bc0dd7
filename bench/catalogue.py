"""The products that are imported: always the same ones, of ordinary length."""

from collections.abc import Iterable, Iterator
from itertools import batched

from google.type import money_pb2

from bodega.product.v1 import product_pb2
from product.model import Draft

_THINGS = ("Mug", "Kettle", "Lamp", "Notebook", "Chair", "Backpack", "Umbrella")
_COLOURS = ("blue", "red", "green", "white", "black")
_STATUSES = {
    1: product_pb2.PRODUCT_STATUS_IN_STOCK,
    2: product_pb2.PRODUCT_STATUS_LOW,
    3: product_pb2.PRODUCT_STATUS_OUT_OF_STOCK,
}
_DESCRIPTION = "Made to last and easy to repair; the spare parts are kept in stock for ten years."


def drafts(count: int, prefix: str = "bench") -> Iterator[Draft]:
    """Yield products with SKUs of their own, in no order of name or price."""
    for number in range(count):
        thing = _THINGS[number % len(_THINGS)]
        colour = _COLOURS[number % len(_COLOURS)]
        # A prime step spreads the keys over the indexes, as a real catalogue does.
        price = 100 + number * 7919 % 99_900
        name = f"{thing} {price:05d}, {colour}"
        yield Draft(f"{prefix}-{number:07d}", name, _DESCRIPTION, "EUR", price, 1 + number % 3)


def batches(products: Iterable[Draft], size: int, prefix: str = "bench") -> Iterator[bytes]:
    """Yield the messages of an import of these products, `size` in each."""
    for number, batch in enumerate(batched(products, size, strict=False)):
        request = product_pb2.ImportProductsRequest(
            batch_id=f"{prefix}/{size}/{number}", products=map(_to_proto, batch)
        )
        yield request.SerializeToString()


def _to_proto(draft: Draft) -> product_pb2.Product:
    units, cents = divmod(draft.price_minor, 100)
    return product_pb2.Product(
        sku=draft.sku,
        name=draft.name,
        description=draft.description,
        price=money_pb2.Money(currency_code=draft.currency, units=units, nanos=cents * 10_000_000),
        status=_STATUSES[draft.status],
    )
