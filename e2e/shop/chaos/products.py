"""Writes to Product: imports, and products created one by one."""

import uuid
from collections.abc import Sequence
from random import Random

from google.type import money_pb2

from bodega.product.v1 import product_pb2, product_pb2_grpc
from e2e.shop.chaos.client import Client, WrongAnswerError
from e2e.shop.chaos.ledger import Import, Ledger, NewProduct, Row

CURRENCY = "EUR"


def product(sku: str, row: Row) -> product_pb2.Product:
    """Return the product as it is sent."""
    units, cents = divmod(row.price_minor, 100)
    return product_pb2.Product(
        sku=sku,
        name=row.name,
        price=money_pb2.Money(currency_code=CURRENCY, units=units, nanos=cents * 10_000_000),
        status=product_pb2.PRODUCT_STATUS_IN_STOCK,
    )


def import_request(entry: Import) -> product_pb2.ImportProductsRequest:
    """Return the message that carries the batch; always the same one."""
    products = [product(sku, row) for sku, row in entry.rows.items()]
    return product_pb2.ImportProductsRequest(batch_id=entry.batch_id, products=products)


class Importer:
    """Imports products of its own: new ones, and new names and prices of those it has."""

    def __init__(
        self,
        products: product_pb2_grpc.ProductServiceAsyncStub,
        name: str,
        ledger: Ledger,
        dice: Random,
    ) -> None:
        self.name = name
        self._products = products
        self._ledger = ledger
        self._dice = dice
        self._client = Client(dice)
        self._batches = 0
        # What is in a batch that was never acknowledged is left alone from then on: that batch
        # might be stored after a later one.
        self._known: list[str] = []

    async def write(self) -> None:
        """Send one stream."""
        entries = [self._next() for _ in range(self._dice.randint(1, 3))]
        response = await self._client.attempt(
            lambda seconds: self._products.ImportProducts(
                iter([import_request(entry) for entry in entries]), timeout=seconds
            )
        )
        if response is not None:
            self._acknowledged(entries, response)

    def _next(self) -> Import:
        self._batches += 1
        number = self._batches
        made = [f"{self.name}-{number}-{n}" for n in range(self._dice.randint(1, 20))]
        self._dice.shuffle(self._known)
        changed = [self._known.pop() for _ in range(min(len(self._known), 20))]
        rows = {
            sku: Row(f"{sku} of batch {number}", self._dice.randint(1, 100_000))
            for sku in made + changed
        }
        return self._ledger.sent(Import(f"{self.name}/{number}", rows, len(made)))

    def _acknowledged(
        self, entries: Sequence[Import], response: product_pb2.ImportProductsResponse
    ) -> None:
        new, rows = sum(each.new for each in entries), sum(len(each.rows) for each in entries)
        told = response.inserted_count, response.updated_count, response.rejected_count
        if told != (new, rows - new, 0):
            raise WrongAnswerError(f"{entries[0].batch_id}: {told} of {new} new among {rows} rows")
        self._ledger.recognised += response.repeated_batch_count
        for entry in entries:
            entry.acknowledged = True
            self._known += entry.rows


class Creator:
    """Creates products one by one."""

    def __init__(
        self,
        products: product_pb2_grpc.ProductServiceAsyncStub,
        name: str,
        ledger: Ledger,
        dice: Random,
    ) -> None:
        self.name = name
        self._products = products
        self._ledger = ledger
        self._dice = dice
        self._client = Client(dice)
        self._made = 0

    async def write(self) -> None:
        """Create one."""
        self._made += 1
        sku = f"{self.name}-{self._made}"
        row = Row(f"Single {sku}", self._dice.randint(1, 100_000))
        request_id = str(uuid.UUID(int=self._dice.getrandbits(128), version=4))
        entry = self._ledger.sent(NewProduct(request_id, sku, row))
        request = product_pb2.CreateProductRequest(product=product(sku, row), request_id=request_id)
        response = await self._client.attempt(
            lambda seconds: self._products.CreateProduct(request, timeout=seconds)
        )
        if response is not None:
            entry.product_id = response.product.id
            entry.acknowledged = True
