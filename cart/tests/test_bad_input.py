"""Bad input through a real stub, on both engines: named by field and rule, and nothing changes."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from grpc import aio

from bodega.cart.v1 import cart_pb2 as pb
from cart.tests.conftest import SERVICE
from cart.tests.examples import TEA, Shop, batch, failure, item, stream
from runtime.client import connect
from runtime.testing.issuer import AUDIENCE, LoopbackIssuer
from runtime.testing.one_token import OneToken

if TYPE_CHECKING:
    from cart.tests.examples import Stub


@pytest.fixture
async def channel(address: str, issuer: LoopbackIssuer) -> AsyncIterator[aio.Channel]:
    """For ann, with no limit of its own."""
    tokens = OneToken(issuer.token(AUDIENCE, "carts", subject="ann"))
    no_limit = [("grpc.max_send_message_length", -1)]
    async with connect(address, SERVICE, tokens=tokens, options=no_limit) as opened:
        yield opened


@pytest.fixture(autouse=True)
async def untouched(stub: Stub) -> AsyncIterator[pb.Cart]:
    """Check that the cart stays as it is."""
    request = pb.CreateCartRequest(items=[item(TEA, 3)])
    created = (await stub.CreateCart(request)).cart
    yield created
    assert (await stub.GetCart(pb.GetCartRequest())).cart == created


def raw(channel: aio.Channel, method: str, *, streams: bool = False) -> Any:
    """Return a method that takes and gives bytes."""
    make: Any = channel.stream_unary if streams else channel.unary_unary
    return make(f"/bodega.cart.v1.CartService/{method}")


async def refused(call: Any) -> list[str]:
    found = await failure(call)
    assert found.code == grpc.StatusCode.INVALID_ARGUMENT
    return found.fields


@pytest.mark.parametrize("quantity", [0, -1, 10_000, 2**31 - 1, -(2**31)])
async def test_a_quantity_that_breaks_the_rule(stub: Stub, quantity: int) -> None:
    update = pb.UpdateItemRequest(item_id=1, quantity=quantity)
    assert await refused(stub.UpdateItem(update)) == ["quantity"]
    response = await stub.AddItems(stream(batch("b", item(TEA, quantity))))
    assert [each.field for each in response.rejected_items] == ["quantity"]


@pytest.mark.parametrize("item_id", [0, -1, -(2**63)])
async def test_an_item_id_below_one(stub: Stub, item_id: int) -> None:
    update = pb.UpdateItemRequest(item_id=item_id, quantity=1)
    assert await refused(stub.UpdateItem(update)) == ["item_id"]
    assert await refused(stub.RemoveItem(pb.RemoveItemRequest(item_id=item_id))) == ["item_id"]


async def test_a_change_of_nothing_tells_both_fields(stub: Stub) -> None:
    assert await refused(stub.UpdateItem(pb.UpdateItemRequest())) == ["item_id", "quantity"]


ITEMS = {
    "no product": (pb.NewItem(quantity=1), "product_id"),
    "negative product": (pb.NewItem(product_id=-(2**63), quantity=1), "product_id"),
    "unknown product": (item(2**63 - 1), "product_id"),
    "blank color": (item(color=" "), "color"),
    "long color": (item(color="x" * 41), "color"),
    "color of 1 MB": (item(color="x" * 1_000_000), "color"),
    "control character": (item(color="\x1b[2J"), "color"),
    "zero byte": (item(color="a\0b"), "color"),
    "code of 1 MB": (item(code="x" * 1_000_000), "discount_code"),
    "code with a zero byte": (item(code="\0"), "discount_code"),
    "code in SQL": (item(code="'; DROP TABLE carts; --"), "discount_code"),
}


@pytest.mark.parametrize("name", ITEMS)
async def test_an_item_that_breaks_a_rule(stub: Stub, name: str) -> None:
    bad, field = ITEMS[name]
    response = await stub.AddItems(stream(batch("b", bad)))
    assert [each.field for each in response.rejected_items] == [field]
    assert len(response.rejected_items[0].description) < 200


@pytest.mark.parametrize("count", [0, 1_001])
async def test_a_batch_of_no_items_or_too_many(stub: Stub, count: int) -> None:
    found = await failure(stub.AddItems(stream(batch("b", *[item()] * count))))
    assert (found.code, found.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["items"])
    assert found.metadata == {"batch_id": "b", "batch_index": "0"}


async def test_a_cart_of_too_many_items(stub: Stub, shop: Shop) -> None:
    asked = len(shop.quoted)
    request = pb.CreateCartRequest(items=[item()] * 201)
    found = await failure(stub.CreateCart(request))
    assert found.violations == [("items", "must be up to 200 items")]
    assert len(shop.quoted) == asked


@pytest.mark.parametrize("batch_id", ["", "a b", "x" * 129, "ü", "a\n"])
async def test_a_batch_id_that_breaks_the_rule(stub: Stub, batch_id: str) -> None:
    assert await refused(stub.AddItems(stream(batch(batch_id, item())))) == ["batch_id"]


async def test_an_empty_stream(stub: Stub) -> None:
    found = await failure(stub.AddItems(stream()))
    assert found.code == grpc.StatusCode.INVALID_ARGUMENT
    assert found.violations == [("batch_id", "the stream must hold at least one batch")]


@pytest.mark.parametrize("request_id", ["1", "x" * 36, "{6f1e9b8e-4d0c-4d8e-9a59-0c3f6a2b7d11}"])
async def test_a_request_id_that_is_no_uuid(stub: Stub, request_id: str) -> None:
    request = pb.CreateCartRequest(request_id=request_id)
    assert await refused(stub.CreateCart(request)) == ["request_id"]


@pytest.mark.parametrize("token", ["x", "é" * 10_000, "AAAA", "e30"])
async def test_a_page_token_that_is_not_ours(manager: Stub, token: str) -> None:
    assert await refused(manager.ListCarts(pb.ListCartsRequest(page_token=token))) == ["page_token"]


async def test_a_negative_page_size(manager: Stub) -> None:
    assert await refused(manager.ListCarts(pb.ListCartsRequest(page_size=-1))) == ["page_size"]


async def test_a_page_of_more_than_the_most_is_a_page_of_the_most(manager: Stub) -> None:
    page = await manager.ListCarts(pb.ListCartsRequest(page_size=2**31 - 1))
    assert [each.owner for each in page.carts] == ["ann"]


@pytest.mark.parametrize("method", ["CreateCart", "GetCart", "DeleteCart", "UpdateItem"])
async def test_bytes_that_are_no_message(channel: aio.Channel, method: str) -> None:
    for data in (b"\xff\xff", b"\x0a\x02\xff\xfe"):
        found = await failure(raw(channel, method)(data))
        assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED")


async def test_a_stream_of_bytes_that_are_no_message(channel: aio.Channel) -> None:
    found = await failure(raw(channel, "AddItems", streams=True)(stream(b"\xff\xff")))
    assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED")


async def test_a_message_of_5_mb(channel: aio.Channel) -> None:
    large = batch("b", *[item(color="x" * 5_000)] * 1_000).SerializeToString()
    assert len(large) > 5_000_000
    with pytest.raises(aio.AioRpcError) as error:
        await raw(channel, "AddItems", streams=True)(stream(large))
    assert error.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_an_addition_that_is_cancelled_before_its_first_batch(stub: Stub) -> None:
    begun = asyncio.Event()

    async def requests() -> AsyncIterator[pb.AddItemsRequest]:
        begun.set()
        await asyncio.Event().wait()
        yield batch("b", item())

    call = stub.AddItems(requests())
    await begun.wait()
    call.cancel()
    assert await call.code() == grpc.StatusCode.CANCELLED
