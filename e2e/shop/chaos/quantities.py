"""Writes to Cart that are no additions: the quantity of an item, set again and again."""

from random import Random

import grpc
from grpc import aio

from bodega.cart.v1 import cart_pb2, cart_pb2_grpc
from e2e.shop.chaos.client import Client, WrongAnswerError
from e2e.shop.chaos.ledger import Ledger, Quantity
from e2e.shop.chaos.stock import Stock

_MOST = 9_999


class QuantitySetter:
    """Counts in the only item of a cart of its own, which nobody else changes."""

    def __init__(
        self,
        carts: cart_pb2_grpc.CartServiceAsyncStub,
        stock: Stock,
        name: str,
        ledger: Ledger,
        dice: Random,
    ) -> None:
        self.name = name
        self._carts = carts
        self._product_id = stock.product_ids[0]
        self._ledger = ledger
        self._client = Client(dice)
        self._count = 0
        self._cart = cart_pb2.Cart()

    async def write(self) -> None:
        """Set the quantity to the next number; the first one creates the cart."""
        self._count = self._count % _MOST + 1
        entry = self._ledger.sent(Quantity(self.name, self._product_id, self._count))
        change = self._set if self._cart.items else self._create
        self._cart = await self._client.insist(change)
        if self._cart.items[0].quantity != self._count:
            was = self._cart.items[0].quantity
            raise WrongAnswerError(f"{self.name} was set to {self._count}, and is {was}")
        entry.acknowledged = True

    async def _create(self, seconds: float) -> cart_pb2.Cart:
        item = cart_pb2.NewItem(product_id=self._product_id, quantity=self._count)
        request = cart_pb2.CreateCartRequest(owner=self.name, items=[item])
        try:
            return (await self._carts.CreateCart(request, timeout=seconds)).cart
        except aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.ALREADY_EXISTS:
                raise
        return await self._get(seconds)

    async def _set(self, seconds: float) -> cart_pb2.Cart:
        request = cart_pb2.UpdateItemRequest(
            owner=self.name,
            item_id=self._cart.items[0].id,
            quantity=self._count,
            etag=self._cart.etag,
        )
        try:
            return (await self._carts.UpdateItem(request, timeout=seconds)).cart
        except aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.ABORTED:
                raise
        # The etag is stale: an earlier try of this very change was stored, its answer was lost.
        return await self._get(seconds)

    async def _get(self, seconds: float) -> cart_pb2.Cart:
        request = cart_pb2.GetCartRequest(owner=self.name)
        return (await self._carts.GetCart(request, timeout=seconds)).cart
