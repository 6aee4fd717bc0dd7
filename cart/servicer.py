"""The API of carts: messages to the domain's terms and back."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import override

from google.protobuf.timestamp_pb2 import Timestamp
from google.type import money_pb2

from bodega.cart.v1 import cart_pb2, cart_pb2_grpc
from cart.authorization import owner_of
from cart.converters import notice, opened, operations, outcome_to_proto, proposals
from cart.etags import etag_of
from cart.model import (
    AddSummary,
    Cart,
    Head,
    Line,
    Message,
    SentBatch,
    Summary,
    Totals,
)
from cart.pricing.money import totals_of
from cart.service import Carts
from cart.sessions import Live, State
from runtime.auth.caller import caller
from runtime.call import Context
from runtime.clock import Micros
from runtime.encoded import encoded, encoded_field, message_field
from runtime.endless import endless
from runtime.money import Money
from runtime.money_proto import to_proto as money_to_proto

# The numbers of the fields that hold messages of carts.
_GOT = cart_pb2.GetCartResponse.CART_FIELD_NUMBER
_CREATED = cart_pb2.CreateCartResponse.CART_FIELD_NUMBER
_BATCH_ADDED = cart_pb2.BatchAddItemsResponse.CART_FIELD_NUMBER
_UPDATED = cart_pb2.UpdateItemResponse.CART_FIELD_NUMBER
_REMOVED = cart_pb2.RemoveItemResponse.CART_FIELD_NUMBER
_CLEARED = cart_pb2.ClearCartResponse.CART_FIELD_NUMBER
_STATE = cart_pb2.CartState.CART_FIELD_NUMBER
_WATCHED = cart_pb2.WatchCartResponse.STATE_FIELD_NUMBER
_SHOWN = cart_pb2.SyncCartResponse.STATE_FIELD_NUMBER


class CartServicer(cart_pb2_grpc.CartServiceServicer):
    """bodega.cart.v1.CartService."""

    def __init__(self, carts: Carts, live: Live) -> None:
        self._carts = carts
        self._live = live

    @override
    async def CreateCart(
        self, request: cart_pb2.CreateCartRequest, _context: Context
    ) -> cart_pb2.CreateCartResponse:
        created = await self._carts.create(
            owner_of(caller(), request.owner),
            proposals(request.items),
            allow_full_price=request.allow_full_price,
            request_id=request.request_id,
        )
        rest = cart_pb2.CreateCartResponse(
            rejected_items=(notice("", each) for each in created.result.rejected),
            warnings=(notice("", each) for each in created.result.warnings),
        )
        data = message_field(_CREATED, created.cart.message) + rest.SerializeToString()
        return encoded(cart_pb2.CreateCartResponse, data)

    @override
    async def GetCart(
        self, request: cart_pb2.GetCartRequest, _context: Context
    ) -> cart_pb2.GetCartResponse:
        cart = await self._carts.get(owner_of(caller(), request.owner))
        return encoded_field(cart_pb2.GetCartResponse, _GOT, cart.message)

    @override
    async def ListCarts(
        self, request: cart_pb2.ListCartsRequest, _context: Context
    ) -> cart_pb2.ListCartsResponse:
        page = await self._carts.list_page(request.page_size, request.page_token)
        return cart_pb2.ListCartsResponse(
            carts=map(_summary_to_proto, page.carts), next_page_token=page.next_page_token
        )

    @override
    async def DeleteCart(
        self, request: cart_pb2.DeleteCartRequest, _context: Context
    ) -> cart_pb2.DeleteCartResponse:
        await self._carts.delete(owner_of(caller(), request.owner), request.etag)
        return cart_pb2.DeleteCartResponse()

    @override
    async def AddItems(
        self, request_iterator: AsyncIterator[cart_pb2.AddItemsRequest], _context: Context
    ) -> cart_pb2.AddItemsResponse:
        batches = (_sent_batch(request) async for request in request_iterator)
        return _added_to_proto(await self._carts.add_batches(caller(), batches))

    @override
    async def BatchAddItems(
        self, request: cart_pb2.BatchAddItemsRequest, _context: Context
    ) -> cart_pb2.BatchAddItemsResponse:
        owner = owner_of(caller(), request.owner)
        added = await self._carts.add(owner, _sent_batch(request))
        cart = await self._carts.get(owner)
        rest = cart_pb2.BatchAddItemsResponse(
            added_count=added.result.added,
            repeated_batch=added.is_repeated,
            rejected_items=(notice(request.batch_id, each) for each in added.result.rejected),
            warnings=(notice(request.batch_id, each) for each in added.result.warnings),
        )
        data = message_field(_BATCH_ADDED, cart.message) + rest.SerializeToString()
        return encoded(cart_pb2.BatchAddItemsResponse, data)

    @override
    async def UpdateItem(
        self, request: cart_pb2.UpdateItemRequest, _context: Context
    ) -> cart_pb2.UpdateItemResponse:
        cart = await self._carts.update_item(
            owner_of(caller(), request.owner), request.item_id, request.quantity, request.etag
        )
        return encoded_field(cart_pb2.UpdateItemResponse, _UPDATED, cart.message)

    @override
    async def RemoveItem(
        self, request: cart_pb2.RemoveItemRequest, _context: Context
    ) -> cart_pb2.RemoveItemResponse:
        cart = await self._carts.remove_item(
            owner_of(caller(), request.owner), request.item_id, request.etag
        )
        return encoded_field(cart_pb2.RemoveItemResponse, _REMOVED, cart.message)

    @override
    async def ClearCart(
        self, request: cart_pb2.ClearCartRequest, _context: Context
    ) -> cart_pb2.ClearCartResponse:
        cart = await self._carts.clear(owner_of(caller(), request.owner), request.etag)
        return encoded_field(cart_pb2.ClearCartResponse, _CLEARED, cart.message)

    @override
    @endless
    async def WatchCart(
        self, request: cart_pb2.WatchCartRequest, _context: Context
    ) -> AsyncGenerator[cart_pb2.WatchCartResponse]:
        watched = self._live.watch(owner_of(caller(), request.owner))
        async with aclosing(watched):
            async for state in watched:
                data = message_field(_WATCHED, _state_to_proto(state))
                yield encoded(cart_pb2.WatchCartResponse, data)

    @override
    @endless
    async def SyncCart(
        self, request_iterator: AsyncIterator[cart_pb2.SyncCartRequest], _context: Context
    ) -> AsyncGenerator[cart_pb2.SyncCartResponse]:
        owner = owner_of(caller(), await opened(request_iterator))
        said = self._live.sync(owner, operations(request_iterator))
        async with aclosing(said):
            async for each in said:
                if isinstance(each, State):
                    data = message_field(_SHOWN, _state_to_proto(each))
                    yield encoded(cart_pb2.SyncCartResponse, data)
                else:
                    yield cart_pb2.SyncCartResponse(result=outcome_to_proto(each))


def encode(cart: Cart) -> Message:
    """Return the cart's message, which is kept to be sent again."""
    message = _head_to_proto(cart.head, totals_of(cart.lines))
    message.items.extend(map(_line_to_proto, cart.lines))
    return message.SerializeToString()


def _sent_batch(request: cart_pb2.AddItemsRequest | cart_pb2.BatchAddItemsRequest) -> SentBatch:
    items = proposals(request.items)
    return SentBatch(request.owner, request.batch_id, items, request.allow_full_price)


def _summary_to_proto(summary: Summary) -> cart_pb2.Cart:
    return _head_to_proto(summary.head, summary.totals)


def _head_to_proto(head: Head, totals: Totals) -> cart_pb2.Cart:
    return cart_pb2.Cart(
        owner=head.owner,
        totals=_totals_to_proto(totals),
        create_time=_timestamp(head.create_time),
        update_time=_timestamp(head.update_time),
        etag=etag_of(head.stamp),
    )


def _totals_to_proto(totals: Totals) -> cart_pb2.CartTotals:
    message = cart_pb2.CartTotals(item_count=totals.items, unit_count=totals.units)
    if totals.items:
        message.subtotal.CopyFrom(_money(totals.currency, totals.subtotal_minor))
        message.discount.CopyFrom(_money(totals.currency, totals.discount_minor))
        message.total.CopyFrom(_money(totals.currency, totals.total_minor))
    return message


def _line_to_proto(line: Line) -> cart_pb2.CartItem:
    return cart_pb2.CartItem(
        id=line.id,
        product_id=line.product_id,
        sku=line.sku,
        name=line.name,
        color=line.color,
        quantity=line.quantity,
        list_price=_money(line.currency, line.list_minor),
        discount_code=line.discount_code,
        unit_discount=_money(line.currency, line.discount_minor),
        unit_price=_money(line.currency, line.unit_minor),
        total=_money(line.currency, line.unit_minor * line.quantity),
    )


def _state_to_proto(state: State) -> Message:
    return b"" if state.cart is None else message_field(_STATE, state.cart.message)


def _added_to_proto(summary: AddSummary) -> cart_pb2.AddItemsResponse:
    return cart_pb2.AddItemsResponse(
        cart=_summary_to_proto(summary.cart) if summary.cart else None,
        added_count=summary.added,
        rejected_count=summary.rejected,
        repeated_batch_count=summary.repeated_batches,
        rejected_items=(notice(batch_id, each) for batch_id, each in summary.rejections),
        warnings=(notice(batch_id, each) for batch_id, each in summary.warnings),
    )


def _money(currency: str, minor: int) -> money_pb2.Money:
    return money_to_proto(Money(currency, minor))


def _timestamp(micros: Micros) -> Timestamp:
    seconds, rest = divmod(micros, 10**6)
    return Timestamp(seconds=seconds, nanos=rest * 1000)
