"""The API through a real stub, on both engines: what each call on one cart promises."""

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING

import grpc
import pytest
from grpc import aio

from bodega.cart.v1 import cart_pb2 as pb
from cart.tests.examples import CUP, RARE, REQUEST_ID, SAKE, TEA, Shop, failure, item, money
from runtime.errors import Unavailable
from runtime.reason import Reason

if TYPE_CHECKING:
    from cart.tests.examples import Stub


async def create(stub: Stub, *items: pb.NewItem) -> pb.Cart:
    return (await stub.CreateCart(pb.CreateCartRequest(items=items))).cart


async def get(stub: Stub) -> pb.Cart:
    return (await stub.GetCart(pb.GetCartRequest())).cart


async def test_a_cart_has_the_items_it_was_created_with(stub: Stub) -> None:
    """Seed fault 3: reading a cart always showed it empty; creating one dropped its items."""
    created = await create(stub, item(TEA, 2, color="green"), item(CUP, 1, code="tenth"))
    assert created.owner == "ann"
    assert [(each.sku, each.quantity, each.color) for each in created.items] == [
        ("TEA", 2, "green"),
        ("CUP", 1, ""),
    ]
    tea, cup = created.items
    assert (tea.unit_price, tea.total) == (money(2, 500_000_000), money(5))
    assert (cup.discount_code, cup.unit_discount) == ("TENTH", money(1))
    assert created.totals.item_count == 2
    assert created.totals.unit_count == 3
    assert created.totals.subtotal == money(14, 990_000_000)
    assert created.totals.discount == money(1)
    assert created.totals.total == money(13, 990_000_000)
    assert created.create_time == created.update_time
    assert created.create_time.seconds > 1_700_000_000
    assert await get(stub) == created


async def test_an_empty_cart_has_no_amounts(stub: Stub) -> None:
    created = await create(stub)
    assert created.etag
    assert not created.totals.HasField("subtotal")
    assert not created.totals.HasField("discount")
    assert not created.totals.HasField("total")
    assert await get(stub) == created


async def test_a_second_cart_already_exists(stub: Stub, shop: Shop) -> None:
    """Seed fault 9: a duplicate cart answered NOT_FOUND."""
    created = await create(stub, item())
    found = await failure(create(stub, item(CUP, code="ONCE")))
    assert (found.code, found.reason) == (grpc.StatusCode.ALREADY_EXISTS, "CART_EXISTS")
    assert found.metadata == {"field": "owner", "owner": "ann"}
    assert await get(stub) == created
    assert not shop.redeemed


async def test_of_fifty_concurrent_creations_exactly_one_wins(stub: Stub) -> None:
    """Seed fault 9: two concurrent creations raced."""
    calls = [
        stub.CreateCart(pb.CreateCartRequest(items=[item(TEA, number)])) for number in range(1, 51)
    ]
    codes = await asyncio.gather(*(call.code() for call in calls))
    assert codes.count(grpc.StatusCode.OK) == 1
    assert codes.count(grpc.StatusCode.ALREADY_EXISTS) == 49
    won = await calls[codes.index(grpc.StatusCode.OK)]
    assert await get(stub) == won.cart


async def test_a_repeated_creation_gives_the_cart_as_it_is_and_the_first_notices(
    stub: Stub, shop: Shop
) -> None:
    request = pb.CreateCartRequest(items=[item(TEA, 2), item(RARE)], request_id=REQUEST_ID)
    first = await stub.CreateCart(request)
    changed = await stub.UpdateItem(pb.UpdateItemRequest(item_id=1, quantity=7))
    request.request_id = REQUEST_ID.upper()
    shop.product_outage = Unavailable("away", reason=Reason.PRODUCT_UNAVAILABLE)
    again = await stub.CreateCart(request)
    assert again.cart == changed.cart
    assert again.rejected_items == first.rejected_items
    assert len(first.rejected_items) == 1


async def test_one_creation_sent_fifty_times_at_once_makes_one_cart(stub: Stub) -> None:
    request = pb.CreateCartRequest(items=[item(TEA, 2)], request_id=REQUEST_ID)
    answers = await asyncio.gather(*(stub.CreateCart(request) for _ in range(50)))
    assert all(each == answers[0] for each in answers)


async def test_a_request_id_with_other_items_is_refused(stub: Stub) -> None:
    await stub.CreateCart(pb.CreateCartRequest(request_id=REQUEST_ID))
    other = pb.CreateCartRequest(items=[item()], request_id=REQUEST_ID)
    found = await failure(stub.CreateCart(other))
    assert (found.code, found.reason) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "REQUEST_ID_REUSED",
    )
    assert not (await get(stub)).items


async def test_a_late_retry_does_not_bring_a_deleted_cart_back(stub: Stub) -> None:
    request = pb.CreateCartRequest(request_id=REQUEST_ID)
    await stub.CreateCart(request)
    await stub.DeleteCart(pb.DeleteCartRequest())
    found = await failure(stub.CreateCart(request))
    assert (found.code, found.reason) == (grpc.StatusCode.NOT_FOUND, "CART_NOT_FOUND")
    assert (await create(stub)).etag


async def test_a_creation_leaves_out_bad_items_and_keeps_the_others(stub: Stub) -> None:
    """Seed fault 7: an unknown or empty code crashed the call; one bad code aborted all."""
    created = await stub.CreateCart(
        pb.CreateCartRequest(items=[item(TEA), item(99), item(CUP, code="NOSUCH"), item(CUP, 0)])
    )
    assert [each.sku for each in created.cart.items] == ["TEA"]
    assert [(each.index, each.issue, each.field) for each in created.rejected_items] == [
        (1, pb.ITEM_ISSUE_PRODUCT_UNKNOWN, "product_id"),
        (2, pb.ITEM_ISSUE_DISCOUNT_UNKNOWN, "discount_code"),
        (3, pb.ITEM_ISSUE_INVALID, "quantity"),
    ]
    assert all(each.description and not each.batch_id for each in created.rejected_items)


async def test_the_client_has_no_way_to_name_a_price() -> None:
    """Seed fault 6: the client's price was trusted."""
    sent = set(pb.NewItem.DESCRIPTOR.fields_by_name)
    assert sent == {"product_id", "color", "quantity", "discount_code"}
    changed = set(pb.UpdateItemRequest.DESCRIPTOR.fields_by_name)
    assert changed == {"owner", "item_id", "quantity", "etag"}


async def test_a_price_that_is_sent_all_the_same_is_not_read(stub: Stub) -> None:
    """Seed fault 6: the client's price was trusted."""
    price = money(0, 10_000_000).SerializeToString()
    fields = b"".join(bytes([number << 3 | 2, len(price)]) + price for number in range(5, 16))
    cheap = pb.NewItem.FromString(item(TEA).SerializeToString() + fields)
    assert cheap.SerializeToString().endswith(fields)
    created = await create(stub, cheap)
    assert created.items[0].unit_price == money(2, 500_000_000)


async def test_a_gift_makes_no_price_negative(stub: Stub) -> None:
    """Seed fault 6: a discount could make a price negative."""
    created = await create(stub, item(TEA, 3, code="GIFT"))
    assert created.items[0].unit_price == money(0)
    assert created.totals.total == money(0)


async def test_without_a_cart_every_call_is_not_found(stub: Stub) -> None:
    calls: list[Awaitable[object]] = [
        stub.GetCart(pb.GetCartRequest()),
        stub.DeleteCart(pb.DeleteCartRequest()),
        stub.UpdateItem(pb.UpdateItemRequest(item_id=1, quantity=1)),
        stub.RemoveItem(pb.RemoveItemRequest(item_id=1)),
        stub.ClearCart(pb.ClearCartRequest()),
        stub.AddItems(iter([pb.AddItemsRequest(batch_id="a", items=[item()])])),
    ]
    for call in calls:
        found = await failure(call)
        assert (found.code, found.reason) == (grpc.StatusCode.NOT_FOUND, "CART_NOT_FOUND")
        assert found.metadata["owner"] == "ann"


async def test_a_quantity_is_set_and_the_price_stays(stub: Stub, shop: Shop) -> None:
    first = await create(stub, item(TEA, 2, code="TENTH"), item(CUP))
    shop.sell(TEA, "TEA", "Dear tea", 9_999)
    request = pb.UpdateItemRequest(item_id=first.items[0].id, quantity=9_999, etag=first.etag)
    changed = (await stub.UpdateItem(request)).cart
    assert changed.items[0].quantity == 9_999
    assert changed.items[0].unit_price == first.items[0].unit_price
    assert changed.items[1] == first.items[1]
    assert changed.etag != first.etag
    assert changed.totals.unit_count == 10_000
    assert await get(stub) == changed


async def test_an_item_is_removed(stub: Stub) -> None:
    """Seed fault 4: removing an item always failed."""
    first = await create(stub, item(TEA), item(CUP))
    request = pb.RemoveItemRequest(item_id=first.items[0].id, etag=first.etag)
    changed = (await stub.RemoveItem(request)).cart
    assert list(changed.items) == [first.items[1]]
    assert await get(stub) == changed


async def test_clearing_takes_all_items_out_and_the_currency_with_them(stub: Stub) -> None:
    first = await create(stub, item(TEA), item(CUP))
    changed = (await stub.ClearCart(pb.ClearCartRequest(etag=first.etag))).cart
    assert not changed.items
    assert not changed.totals.HasField("total")
    batch = pb.AddItemsRequest(batch_id="a", items=[item(SAKE)])
    await stub.AddItems(iter([batch]))
    assert (await get(stub)).totals.total == money(1_500, currency="JPY")


async def test_clearing_an_empty_cart_changes_nothing(stub: Stub) -> None:
    created = await create(stub)
    assert (await stub.ClearCart(pb.ClearCartRequest())).cart == created


@pytest.mark.parametrize("item_id", [2, 2**63 - 1])
async def test_an_item_that_is_not_there_is_not_found(stub: Stub, item_id: int) -> None:
    first = await create(stub, item(TEA))
    calls: list[Awaitable[object]] = [
        stub.UpdateItem(pb.UpdateItemRequest(item_id=item_id, quantity=1)),
        stub.RemoveItem(pb.RemoveItemRequest(item_id=item_id)),
    ]
    for call in calls:
        found = await failure(call)
        assert (found.code, found.reason) == (grpc.StatusCode.NOT_FOUND, "ITEM_NOT_FOUND")
        assert found.metadata == {"field": "item_id", "item_id": str(item_id)}
    assert await get(stub) == first


async def test_the_id_of_an_item_is_not_used_again(stub: Stub) -> None:
    first = await create(stub, item(TEA))
    await stub.RemoveItem(pb.RemoveItemRequest(item_id=first.items[0].id))
    await stub.AddItems(iter([pb.AddItemsRequest(batch_id="a", items=[item(TEA)])]))
    assert (await get(stub)).items[0].id > first.items[0].id


@pytest.mark.parametrize("etag", ["first", "no etag of ours", "1", "1-", "-1", "1-1-1"])
async def test_a_stale_etag_aborts_every_change(stub: Stub, etag: str) -> None:
    first = await create(stub, item(TEA))
    stale = first.etag if etag == "first" else etag
    changed = (await stub.UpdateItem(pb.UpdateItemRequest(item_id=1, quantity=2))).cart
    calls: list[Awaitable[object]] = [
        stub.UpdateItem(pb.UpdateItemRequest(item_id=1, quantity=1, etag=stale)),
        stub.RemoveItem(pb.RemoveItemRequest(item_id=1, etag=stale)),
        stub.ClearCart(pb.ClearCartRequest(etag=stale)),
        stub.DeleteCart(pb.DeleteCartRequest(etag=stale)),
    ]
    for call in calls:
        found = await failure(call)
        assert (found.code, found.reason) == (grpc.StatusCode.ABORTED, "ETAG_STALE")
        assert found.metadata["field"] == "etag"
    assert await get(stub) == changed


async def test_the_etag_of_a_deleted_cart_is_not_that_of_the_next(stub: Stub) -> None:
    first = await create(stub, item(TEA))
    await stub.DeleteCart(pb.DeleteCartRequest(etag=first.etag))
    with pytest.raises(aio.AioRpcError):
        await get(stub)
    second = await create(stub, item(TEA))
    assert second.etag != first.etag
    found = await failure(stub.ClearCart(pb.ClearCartRequest(etag=first.etag)))
    assert found.code == grpc.StatusCode.ABORTED
    assert await get(stub) == second


async def test_of_fifty_changes_with_one_etag_exactly_one_wins(stub: Stub) -> None:
    first = await create(stub, item(TEA))
    calls = [
        stub.UpdateItem(pb.UpdateItemRequest(item_id=1, quantity=number, etag=first.etag))
        for number in range(1, 51)
    ]
    codes = await asyncio.gather(*(call.code() for call in calls))
    assert codes.count(grpc.StatusCode.OK) == 1
    assert codes.count(grpc.StatusCode.ABORTED) == 49
    assert await get(stub) == (await calls[codes.index(grpc.StatusCode.OK)]).cart


async def test_while_product_is_away_nothing_is_created(stub: Stub, shop: Shop) -> None:
    shop.product_outage = Unavailable("away", reason=Reason.PRODUCT_UNAVAILABLE)
    found = await failure(create(stub, item()))
    assert (found.code, found.reason) == (grpc.StatusCode.UNAVAILABLE, "PRODUCT_UNAVAILABLE")
    assert (await failure(get(stub))).code == grpc.StatusCode.NOT_FOUND
    assert not (await create(stub)).items


async def test_the_carts_are_listed_in_order_of_owner_without_their_items(manager: Stub) -> None:
    for owner in ("bob", "Ann", "émile", "cy"):
        items = [item(TEA, 2, code="TENTH"), item(CUP)] if owner == "bob" else []
        await manager.CreateCart(pb.CreateCartRequest(owner=owner, items=items))
    request = pb.ListCartsRequest(page_size=3)
    first = await manager.ListCarts(request)
    assert [each.owner for each in first.carts] == ["Ann", "bob", "cy"]
    bob = (await manager.GetCart(pb.GetCartRequest(owner="bob"))).cart
    bob.ClearField("items")
    assert first.carts[1] == bob
    await manager.DeleteCart(pb.DeleteCartRequest(owner="Ann"))
    request.page_token = first.next_page_token
    second = await manager.ListCarts(request)
    assert [each.owner for each in second.carts] == ["émile"]
    assert not second.next_page_token
    everything = await manager.ListCarts(pb.ListCartsRequest())
    assert [each.owner for each in everything.carts] == ["bob", "cy", "émile"]


async def test_a_long_listing_is_whole(manager: Stub) -> None:
    owners = [f"o{number:03}" for number in range(120)]
    for owner in owners:
        await manager.CreateCart(pb.CreateCartRequest(owner=owner))
    page = await manager.ListCarts(pb.ListCartsRequest(page_size=119))
    assert [each.owner for each in page.carts] == owners[:119]
    rest = await manager.ListCarts(pb.ListCartsRequest(page_token=page.next_page_token))
    assert [each.owner for each in rest.carts] == owners[119:]
    whole = await manager.ListCarts(pb.ListCartsRequest(page_size=120))
    assert len(whole.carts) == 120
    assert not whole.next_page_token
