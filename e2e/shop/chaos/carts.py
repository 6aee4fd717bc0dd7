"""Writes to Cart: carts created, and filled by streams and in live sessions."""

import uuid
from collections.abc import Iterable
from random import Random

import grpc
from grpc import aio

from bodega.cart.v1 import cart_pb2, cart_pb2_grpc
from e2e.shop.chaos.client import Client, WrongAnswerError
from e2e.shop.chaos.ledger import Addition, Basket, Item, Ledger, NewCart, Operation
from e2e.shop.chaos.stock import Stock

_CODES = {code.value[0]: code for code in grpc.StatusCode}


class Customer:
    """One customer after the other: each takes a cart and comes back to it a few times."""

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
        self._stock = stock
        self._ledger = ledger
        self._dice = dice
        self._client = Client(dice)
        self._owners = self._batches = self._visits_left = 0

    @property
    def _owner(self) -> str:
        return f"{self.name}/{self._owners}"

    async def write(self) -> None:
        """Take a cart, or put something into it."""
        if not self._visits_left:
            await self._take_cart()
            return
        self._visits_left -= 1
        await self._dice.choice((self._stream, self._session))()

    async def _take_cart(self) -> None:
        self._owners += 1
        request_id = str(uuid.UUID(int=self._dice.getrandbits(128), version=4))
        entry = NewCart(self._owner, request_id, self._stock.items(self._dice))
        self._ledger.sent(entry)
        request = cart_pb2.CreateCartRequest(
            owner=entry.owner, request_id=request_id, items=map(_new_item, entry.items)
        )
        response = await self._client.attempt(
            lambda seconds: self._carts.CreateCart(request, timeout=seconds)
        )
        if response is None:
            return
        _acknowledge(entry, response.rejected_items)
        self._visits_left = self._dice.randint(5, 15)

    def _baskets[B: Basket](self, kind: type[B]) -> list[B]:
        first = self._batches + 1
        self._batches += self._dice.randint(1, 3)
        return [
            self._ledger.sent(
                kind(self._owner, f"{self.name}/{number}", self._stock.items(self._dice))
            )
            for number in range(first, self._batches + 1)
        ]

    async def _stream(self) -> None:
        additions = self._baskets(Addition)
        response = await self._client.attempt(
            lambda seconds: self._carts.AddItems(iter(map(_request, additions)), timeout=seconds)
        )
        if response is None:
            return
        for each in additions:
            notices = [one for one in response.rejected_items if one.batch_id == each.id]
            _acknowledge(each, notices)
        self._ledger.recognised += response.repeated_batch_count
        added = sum(len(each.items) - len(each.rejected) for each in additions)
        if response.added_count != added:
            raise WrongAnswerError(f"{additions[0].id}: {response.added_count} added, not {added}")

    async def _session(self) -> None:
        waiting = {each.id: each for each in self._baskets(Operation)}
        await self._client.attempt(lambda seconds: self._operate(waiting, seconds))

    async def _operate(self, waiting: dict[str, Operation], seconds: float) -> bool:
        """Send the operations that wait for an answer; AioRpcError unless all are answered."""
        requests = [
            cart_pb2.SyncCartRequest(open=cart_pb2.OpenSession(owner=self._owner)),
            *map(_operation, waiting.values()),
        ]
        failed: aio.AioRpcError | None = None
        async for response in self._carts.SyncCart(iter(requests), timeout=seconds):
            if response.HasField("result"):
                result = response.result
                if result.HasField("error"):
                    failed = _failure(result)
                else:
                    _acknowledge(waiting.pop(result.operation_id), result.rejected_items)
        if failed is not None:
            raise failed
        if waiting:
            raise WrongAnswerError(f"the session ended without an answer to {[*waiting]}")
        return True


def _new_item(item: Item) -> cart_pb2.NewItem:
    return cart_pb2.NewItem(
        product_id=item.product_id, quantity=item.quantity, discount_code=item.code
    )


def _request(each: Addition) -> cart_pb2.AddItemsRequest:
    return cart_pb2.AddItemsRequest(
        owner=each.owner, batch_id=each.id, items=map(_new_item, each.items)
    )


def _operation(each: Operation) -> cart_pb2.SyncCartRequest:
    add = cart_pb2.AddOperation(items=map(_new_item, each.items))
    return cart_pb2.SyncCartRequest(operation=cart_pb2.CartOperation(operation_id=each.id, add=add))


def _failure(result: cart_pb2.OperationResult) -> aio.AioRpcError:
    """Return what the RPC of the same kind would have ended with."""
    code, nothing = _CODES[result.error.code], aio.Metadata()
    return aio.AioRpcError(code, nothing, nothing, details=result.error.message)


def _acknowledge(entry: Basket, notices: Iterable[cart_pb2.ItemNotice]) -> None:
    for notice in notices:
        if notice.issue != cart_pb2.ITEM_ISSUE_DISCOUNT_EXHAUSTED:
            raise WrongAnswerError(f"{entry.id}: {notice.field} {notice.description}")
    entry.rejected = frozenset(notice.index for notice in notices)
    entry.acknowledged = True
