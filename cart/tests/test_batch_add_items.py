"""BatchAddItems through a real stub, on both engines."""

from typing import TYPE_CHECKING

import grpc
import pytest

from bodega.cart.v1 import cart_pb2 as pb
from cart.tests.examples import CUP, RARE, TEA, batch, failure, item, stream

if TYPE_CHECKING:
    from cart.tests.conftest import As
    from cart.tests.examples import Shop, Stub


def request(batch_id: str, *items: pb.NewItem, owner: str = "") -> pb.BatchAddItemsRequest:
    return pb.BatchAddItemsRequest(owner=owner, batch_id=batch_id, items=items)


@pytest.fixture(autouse=True)
async def _cart(stub: Stub) -> None:
    await stub.CreateCart(pb.CreateCartRequest())


async def test_a_batch_is_added_and_answered_with_the_whole_cart(stub: Stub) -> None:
    response = await stub.BatchAddItems(request("a", item(TEA, 2), item(CUP, code="TENTH")))
    assert [(each.product_id, each.quantity) for each in response.cart.items] == [
        (TEA, 2),
        (CUP, 1),
    ]
    assert response.cart == (await stub.GetCart(pb.GetCartRequest())).cart
    assert (response.added_count, response.repeated_batch) == (2, False)
    assert not response.rejected_items
    assert not response.warnings


async def test_a_bad_item_is_rejected_alone(stub: Stub) -> None:
    response = await stub.BatchAddItems(request("a", item(RARE), item(TEA), item(TEA, 0)))
    assert [(each.batch_id, each.index, each.issue) for each in response.rejected_items] == [
        ("a", 0, pb.ITEM_ISSUE_OUT_OF_STOCK),
        ("a", 2, pb.ITEM_ISSUE_INVALID),
    ]
    assert [each.product_id for each in response.cart.items] == [TEA]


async def test_an_item_without_its_discount_is_a_warning_where_that_is_allowed(stub: Stub) -> None:
    sent = request("a", item(TEA, code="PAST"))
    sent.allow_full_price = True
    response = await stub.BatchAddItems(sent)
    assert [each.issue for each in response.warnings] == [pb.ITEM_ISSUE_DISCOUNT_NOT_ACTIVE]
    assert response.added_count == 1


async def test_a_repeated_batch_adds_nothing_twice(stub: Stub) -> None:
    sent = request("a", item(TEA, 2), item(99))
    first = await stub.BatchAddItems(sent)
    again = await stub.BatchAddItems(sent)
    assert (first.repeated_batch, again.repeated_batch) == (False, True)
    again.repeated_batch = False
    assert again == first


async def test_a_batch_of_a_stream_and_a_batch_alone_are_the_same_batch(stub: Stub) -> None:
    await stub.AddItems(stream(batch("a", item(TEA, 2))))
    again = await stub.BatchAddItems(request("a", item(TEA, 2)))
    assert again.repeated_batch
    assert again.cart.totals.unit_count == 2
    other = await failure(stub.BatchAddItems(request("a", item(CUP))))
    assert (other.code, other.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "BATCH_ID_REUSED")


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        (request("", item(TEA)), "batch_id"),
        (request("a b", item(TEA)), "batch_id"),
        (request("a"), "items"),
        (request("a", *[item(TEA)] * 1_001), "items"),
    ],
)
async def test_a_batch_that_breaks_a_limit_is_refused_whole(
    stub: Stub, sent: pb.BatchAddItemsRequest, field: str
) -> None:
    found = await failure(stub.BatchAddItems(sent))
    assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")
    assert found.fields == [field]
    assert not (await stub.GetCart(pb.GetCartRequest())).cart.items


async def test_another_owners_cart_needs_the_scope(stub: Stub, calling_as: As) -> None:
    sent = request("a", item(TEA), owner="ann")
    found = await failure(calling_as("mallory", "carts").BatchAddItems(sent))
    assert found.reason == "OWNER_FORBIDDEN"


async def test_an_owner_without_a_cart_is_told_so(stub: Stub, shop: Shop) -> None:
    await stub.DeleteCart(pb.DeleteCartRequest())
    found = await failure(stub.BatchAddItems(request("a", item(TEA))))
    assert (found.code, found.reason) == (grpc.StatusCode.NOT_FOUND, "CART_NOT_FOUND")
