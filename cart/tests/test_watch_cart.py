"""Watching a cart through a real stub, on both engines."""

import asyncio
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from grpc import aio

from bodega.cart.v1 import cart_pb2 as pb
from cart.store.change_notifier import CartHub
from cart.tests.conftest import As
from cart.tests.examples import CUP, TEA, batch, failure, item, stream
from cart.tests.sessions import cart_in
from runtime.server import Server
from runtime.testing.waiting import eventually

if TYPE_CHECKING:
    from cart.tests.examples import Stub


def watch(stub: Stub, owner: str = "") -> Any:
    return stub.WatchCart(pb.WatchCartRequest(owner=owner))


async def shown(call: Any) -> pb.Cart | None:
    async with asyncio.timeout(60):
        response = await call.read()
    assert response is not aio.EOF
    return cart_in(response.state)


async def create(stub: Stub, *items: pb.NewItem) -> pb.Cart:
    return (await stub.CreateCart(pb.CreateCartRequest(items=items))).cart


async def test_a_watcher_sees_the_cart_and_then_each_change(stub: Stub) -> None:
    created = await create(stub, item(TEA))
    watched = watch(stub)
    assert await shown(watched) == created
    number = created.items[0].id
    updated = await stub.UpdateItem(pb.UpdateItemRequest(item_id=number, quantity=7))
    assert await shown(watched) == updated.cart
    added = await stub.AddItems(stream(batch("a", item(CUP))))
    seen = await shown(watched)
    assert seen is not None
    assert seen.etag == added.cart.etag
    assert [each.sku for each in seen.items] == ["TEA", "CUP"]
    cleared = await stub.ClearCart(pb.ClearCartRequest())
    assert await shown(watched) == cleared.cart
    watched.cancel()


async def test_an_owner_without_a_cart_is_told_so_and_of_its_creation(stub: Stub) -> None:
    watched = watch(stub)
    assert await shown(watched) is None
    for _ in range(2):
        created = await create(stub, item())
        assert await shown(watched) == created
        await stub.DeleteCart(pb.DeleteCartRequest())
        assert await shown(watched) is None
    watched.cancel()


async def test_a_cart_made_anew_is_another_one(stub: Stub) -> None:
    first = await create(stub, item(TEA))
    watched = watch(stub)
    assert await shown(watched) == first
    await stub.DeleteCart(pb.DeleteCartRequest())
    again = await create(stub, item(TEA))
    while (seen := await shown(watched)) is None:
        pass
    assert seen == again
    assert again.etag != first.etag
    watched.cancel()


async def test_what_leaves_the_cart_as_it_was_is_not_shown(stub: Stub) -> None:
    await create(stub)
    watched = watch(stub)
    await shown(watched)
    await stub.ClearCart(pb.ClearCartRequest())
    await stub.AddItems(stream(batch("a", item(TEA))))
    seen = await shown(watched)
    assert seen is not None
    assert [each.sku for each in seen.items] == ["TEA"]
    await stub.AddItems(stream(batch("a", item(TEA))))
    added = await stub.AddItems(stream(batch("b", item(CUP))))
    seen = await shown(watched)
    assert seen is not None
    assert seen.etag == added.cart.etag
    watched.cancel()


async def test_a_watcher_that_does_not_read_holds_up_nobody_and_sees_the_newest(
    stub: Stub,
) -> None:
    await create(stub, *(item(TEA, color=f"{number:040}") for number in range(200)))
    slow, quick = watch(stub), watch(stub)
    await shown(slow)
    await shown(quick)
    count = 300
    for number in range(count):
        added = await stub.AddItems(stream(batch(f"b{number}", item(CUP))))
        seen = await shown(quick)
        assert seen is not None
        assert seen.etag == added.cart.etag
    states = 0
    while True:
        states += 1
        seen = await shown(slow)
        assert seen is not None
        if seen.etag == added.cart.etag:
            break
    assert states < count
    slow.cancel()
    quick.cancel()


async def test_the_cart_of_another_is_only_for_who_may(
    stub: Stub, calling_as: As, manager: Stub
) -> None:
    created = await create(stub)
    refused = await failure(watch(calling_as("bob"), "ann").read())
    assert (refused.code, refused.reason) == (
        grpc.StatusCode.PERMISSION_DENIED,
        "OWNER_FORBIDDEN",
    )
    watched = watch(manager, "ann")
    assert await shown(watched) == created
    watched.cancel()


async def test_nobody_is_watched_once_the_watcher_is_gone(stub: Stub, hub: CartHub) -> None:
    watching = [watch(stub) for _ in range(3)]
    for each in watching:
        await shown(each)
    assert hub.watched == 1
    for each in watching:
        each.cancel()
    await eventually(lambda: hub.watched == 0)


async def test_a_drain_ends_watches(stub: Stub, server: Server) -> None:
    watched = watch(stub)
    await shown(watched)
    server.stopping.set()
    ended = await failure(watched.read())
    assert (ended.code, ended.reason) == (grpc.StatusCode.UNAVAILABLE, "SERVER_STOPPING")


async def test_a_watch_ends_with_its_deadline(stub: Stub, hub: CartHub) -> None:
    async def until_it_ends() -> None:
        call = stub.WatchCart(pb.WatchCartRequest(), timeout=0.5)
        while True:
            assert await shown(call) is None

    with pytest.raises(aio.AioRpcError) as ended:
        await until_it_ends()
    assert ended.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await eventually(lambda: hub.watched == 0)
