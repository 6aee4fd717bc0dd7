"""What the load buys: products that nobody changes, and discount codes that come and go."""

from collections import deque
from dataclasses import dataclass, field
from random import Random

from bodega.product.v1 import product_pb2, product_pb2_grpc
from e2e.shop.chaos.ledger import Import, Item, Ledger, Row
from e2e.shop.chaos.products import import_request

_PRODUCTS = 20
# Each bought by several at once, and then used up.
_CODES = 5
_UNLIMITED = ("", "", "WELCOME10")


@dataclass(slots=True)
class Stock:
    """Products in one currency, and the codes made last."""

    product_ids: list[int]
    codes: deque[str] = field(default_factory=lambda: deque(maxlen=_CODES))

    def items(self, dice: Random) -> list[Item]:
        """Choose some items."""
        codes = [*_UNLIMITED, *self.codes]
        products = dice.sample(self.product_ids, dice.randint(1, 5))
        return [Item(each, dice.randint(1, 3), dice.choice(codes)) for each in products]


async def fill_shelves(products: product_pb2_grpc.ProductServiceAsyncStub, ledger: Ledger) -> Stock:
    """Import the products that the load will buy."""
    rows = {f"SHELF-{n}": Row(f"From the shelf, {n}", 100 * n + 99) for n in range(_PRODUCTS)}
    entry = ledger.sent(Import("shelf", rows, len(rows)))
    await products.ImportProducts(iter([import_request(entry)]))
    entry.acknowledged = True
    found = await products.ListProducts(
        product_pb2.ListProductsRequest(
            page_size=_PRODUCTS, filter=product_pb2.ProductFilter(name_contains="From the shelf")
        )
    )
    return Stock([product.id for product in found.products])
