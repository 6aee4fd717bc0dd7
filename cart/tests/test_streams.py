"""AddItems through a real stub, on both engines."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import grpc
import pytest

from bodega.cart.v1 import cart_pb2 as pb
from cart.tests.examples import (
    CUP,
    POT,
    RARE,
    SAKE,
    TEA,
    Shop,
    batch,
    failure,
    item,
    money,
    stream,
)
from runtime.errors import Unavailable
from runtime.reason import Reason

if TYPE_CHECKING:
    from cart.tests.conftest import As
    from cart.tests.examples import Stub


@pytest.fixture(autouse=True)
async def _cart(stub: Stub) -> None:
    await stub.CreateCart(pb.CreateCartRequest())


async def get(stub: Stub) -> pb.Cart:
    return (await stub.GetCart(pb.GetCartRequest())).cart


def counts(response: pb.AddItemsResponse) -> tuple[int, int, int]:
    return response.added_count, response.rejected_count, response.repeated_batch_count


def lines(cart: pb.Cart) -> list[tuple[int, str, int]]:
    return [(each.product_id, each.color, each.quantity) for each in cart.items]


async def test_a_stream_adds_its_batches_and_answers_with_the_cart(stub: Stub) -> None:
    response = await stub.AddItems(
        stream(
            batch("a", item(TEA, 2), item(CUP, 1, color="red")),
            batch("b", item(TEA, 3, code="TENTH"), item(POT)),
        )
    )
    assert counts(response) == (4, 0, 0)
    cart = await get(stub)
    assert lines(cart) == [(TEA, "", 2), (CUP, "red", 1), (TEA, "", 3), (POT, "", 1)]
    cart.ClearField("items")
    assert response.cart == cart
    assert cart.totals.discount == money(0, 750_000_000)


async def test_the_same_item_again_raises_the_quantity(stub: Stub) -> None:
    """Seed fault 5: a new stream added duplicates, and ignored quantity and colour."""
    for name in ("a", "b"):
        await stub.AddItems(stream(batch(name, item(TEA, 2), item(TEA, 3, color="red"))))
    assert lines(await get(stub)) == [(TEA, "", 4), (TEA, "red", 6)]


async def test_a_new_price_is_another_item_and_the_old_one_keeps_its_own(
    stub: Stub, shop: Shop
) -> None:
    await stub.AddItems(stream(batch("a", item(TEA, 2))))
    shop.sell(TEA, "TEA", "Tea", 300)
    await stub.AddItems(stream(batch("b", item(TEA, 1))))
    prices = [(each.unit_price, each.quantity) for each in (await get(stub)).items]
    assert prices == [(money(2, 500_000_000), 2), (money(3), 1)]


async def test_bad_items_are_rejected_alone_wherever_they_stand(stub: Stub) -> None:
    """Seed fault 7: one bad code aborted the whole stream."""
    response = await stub.AddItems(
        stream(
            batch("a", item(TEA), item(99), item(CUP, 10_000)),
            batch("b", item(RARE), item(CUP, code="PAST"), item(SAKE), item(CUP)),
        )
    )
    assert counts(response) == (2, 5, 0)
    assert [(each.batch_id, each.index, each.issue) for each in response.rejected_items] == [
        ("a", 1, pb.ITEM_ISSUE_PRODUCT_UNKNOWN),
        ("a", 2, pb.ITEM_ISSUE_INVALID),
        ("b", 0, pb.ITEM_ISSUE_OUT_OF_STOCK),
        ("b", 1, pb.ITEM_ISSUE_DISCOUNT_NOT_ACTIVE),
        ("b", 2, pb.ITEM_ISSUE_CURRENCY_MISMATCH),
    ]
    assert lines(await get(stub)) == [(TEA, "", 1), (CUP, "", 1)]


async def test_an_optional_discount_that_is_not_good_is_a_warning(stub: Stub) -> None:
    sent = batch("a", item(TEA, code="PAST"), item(CUP, code="tenth"), allow_full_price=True)
    response = await stub.AddItems(stream(sent))
    assert counts(response) == (2, 0, 0)
    (warning,) = response.warnings
    assert (warning.batch_id, warning.index) == ("a", 0)
    assert warning.issue == pb.ITEM_ISSUE_DISCOUNT_NOT_ACTIVE
    assert [each.discount_code for each in (await get(stub)).items] == ["", "TENTH"]


async def test_a_repeated_batch_is_harmless_while_product_is_away(stub: Stub, shop: Shop) -> None:
    sent = [batch("a", item(TEA, 2), item(99)), batch("b", item(CUP, code="TENTH"))]
    first = await stub.AddItems(stream(*sent))
    before = await get(stub)
    shop.product_outage = Unavailable("away", reason=Reason.PRODUCT_UNAVAILABLE)
    again = await stub.AddItems(stream(*sent))
    assert counts(first) == (2, 1, 0)
    assert counts(again) == (2, 1, 2)
    assert again.rejected_items == first.rejected_items
    assert again.cart == first.cart
    assert await get(stub) == before


async def test_a_stream_that_broke_off_is_sent_again_and_adds_nothing_twice(
    stub: Stub, shop: Shop
) -> None:
    sent = [batch(name, item(TEA, 2)) for name in "abc"]
    shop.quotes_left = 2
    found = await failure(stub.AddItems(stream(*sent)))
    assert (found.code, found.metadata["batch_index"]) == (grpc.StatusCode.UNAVAILABLE, "2")
    assert lines(await get(stub)) == [(TEA, "", 4)]
    shop.quotes_left = None
    again = await stub.AddItems(stream(*sent))
    assert counts(again) == (3, 0, 2)
    assert lines(await get(stub)) == [(TEA, "", 6)]
    assert again.cart.totals.unit_count == 6


async def test_a_batch_that_stands_twice_in_a_stream_is_applied_once(stub: Stub) -> None:
    sent = batch("a", item(TEA, 2))
    response = await stub.AddItems(stream(sent, sent, batch("b", item(CUP)), sent))
    assert counts(response) == (2 * 1 + 2, 0, 2)
    assert lines(await get(stub)) == [(TEA, "", 2), (CUP, "", 1)]
    assert response.cart.totals.unit_count == 3


async def test_the_answer_to_a_repeated_batch_shows_what_came_before_it(stub: Stub) -> None:
    old = batch("old", item(TEA))
    await stub.AddItems(stream(old))
    response = await stub.AddItems(stream(batch("new", item(CUP, 5)), old))
    assert response.cart.totals.unit_count == 6


async def test_the_same_batch_sent_fifty_times_at_once_is_applied_once(stub: Stub) -> None:
    sent = batch("a", item(TEA, 2), item(99))
    answers = await asyncio.gather(*(stub.AddItems(stream(sent)) for _ in range(50)))
    assert sum(each.repeated_batch_count for each in answers) == 49
    assert all(each.rejected_items == answers[0].rejected_items for each in answers)
    assert lines(await get(stub)) == [(TEA, "", 2)]


async def test_the_same_batch_id_with_other_items_is_refused_and_what_came_before_is_kept(
    stub: Stub,
) -> None:
    await stub.AddItems(stream(batch("a", item(TEA))))
    found = await failure(stub.AddItems(stream(batch("b", item(CUP)), batch("a", item(POT)))))
    assert (found.code, found.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "BATCH_ID_REUSED")
    assert found.metadata == {"field": "batch_id", "batch_id": "a", "batch_index": "1"}
    assert lines(await get(stub)) == [(TEA, "", 1), (CUP, "", 1)]


async def test_a_batch_id_is_one_owners_alone(stub: Stub, calling_as: As) -> None:
    bob = calling_as("bob")
    await bob.CreateCart(pb.CreateCartRequest())
    await stub.AddItems(stream(batch("a", item(TEA))))
    assert counts(await bob.AddItems(stream(batch("a", item(CUP))))) == (1, 0, 0)


async def test_while_discount_is_away_a_batch_that_needs_it_is_not_stored(
    stub: Stub, shop: Shop
) -> None:
    shop.discount_outage = Unavailable("away", reason=Reason.DISCOUNT_UNAVAILABLE)
    sent = [batch("a", item(TEA)), batch("b", item(CUP), item(CUP, code="TENTH"))]
    found = await failure(stub.AddItems(stream(*sent)))
    assert (found.code, found.reason) == (grpc.StatusCode.UNAVAILABLE, "DISCOUNT_UNAVAILABLE")
    assert found.metadata == {"batch_id": "b", "batch_index": "1"}
    assert lines(await get(stub)) == [(TEA, "", 1)]
    shop.discount_outage = None
    assert counts(await stub.AddItems(stream(*sent))) == (3, 0, 1)


async def test_streams_that_fail_of_one_outage_each_hear_of_their_own_batch(
    stub: Stub, shop: Shop
) -> None:
    shop.product_outage = Unavailable("away", reason=Reason.PRODUCT_UNAVAILABLE)
    found = await asyncio.gather(
        *(failure(stub.AddItems(stream(batch(f"b{number}", item())))) for number in range(20))
    )
    assert [each.metadata["batch_id"] for each in found] == [f"b{number}" for number in range(20)]
    assert shop.product_outage.metadata == {}


async def test_later_messages_may_leave_the_owner_empty_and_must_not_name_another(
    manager: Stub,
) -> None:
    await manager.CreateCart(pb.CreateCartRequest(owner="bob"))
    await manager.CreateCart(pb.CreateCartRequest(owner="cy"))
    for owner in ("bob", ""):
        sent = [batch(f"a{owner}", item(), owner="bob"), batch(f"b{owner}", item(), owner=owner)]
        assert (await manager.AddItems(stream(*sent))).cart.owner == "bob"
    for owner in ("cy", "worker"):
        sent = [batch(f"c{owner}", item(), owner="bob"), batch(f"d{owner}", item(), owner=owner)]
        found = await failure(manager.AddItems(stream(*sent)))
        assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "OWNER_MIXED")
        assert found.metadata["batch_index"] == "1"
        assert found.fields == ["owner"]
    bobs = (await manager.GetCart(pb.GetCartRequest(owner="bob"))).cart
    assert bobs.totals.unit_count == 6
    cys = (await manager.GetCart(pb.GetCartRequest(owner="cy"))).cart
    assert not cys.items


async def test_a_batch_is_durable_while_the_stream_goes_on(stub: Stub) -> None:
    hold = asyncio.Event()

    async def requests() -> AsyncIterator[pb.AddItemsRequest]:
        yield batch("a", item(TEA))
        yield batch("b", item(CUP))
        await hold.wait()

    adding = asyncio.ensure_future(stub.AddItems(requests()))
    async with asyncio.timeout(60):
        while len((await get(stub)).items) < 2:
            assert not adding.done()
    hold.set()
    assert counts(await adding) == (2, 0, 0)


async def test_a_stream_that_is_cancelled_keeps_whole_batches(stub: Stub) -> None:
    begun = asyncio.Event()

    async def requests() -> AsyncIterator[pb.AddItemsRequest]:
        yield batch("a", *(item(TEA, color=str(number)) for number in range(100)))
        begun.set()
        await asyncio.Event().wait()

    call = stub.AddItems(requests())
    waiting = asyncio.ensure_future(call.code())
    await begun.wait()
    call.cancel()
    assert await waiting == grpc.StatusCode.CANCELLED
    async with asyncio.timeout(60):
        again = await stub.AddItems(
            stream(batch("a", *(item(TEA, color=str(number)) for number in range(100))))
        )
    assert again.added_count == 100
    assert (await get(stub)).totals.unit_count == 100


async def test_a_stream_takes_its_most_and_no_more(stub: Stub, shop: Shop) -> None:
    sent = [batch(f"b{number}", *[item(TEA)] * 999) for number in range(10)]
    response = await stub.AddItems(stream(*sent, batch("last", *[item(CUP)] * 10)))
    assert response.added_count + response.rejected_count == 10_000
    assert lines(await get(stub)) == [(TEA, "", 9_990), (CUP, "", 10)]
    found = await failure(stub.AddItems(stream(*sent, batch("more", *[item(POT)] * 11))))
    assert found.code == grpc.StatusCode.INVALID_ARGUMENT
    assert found.violations == [("items", "must be 10,000 at most in one stream")]
    assert found.metadata == {"batch_id": "more", "batch_index": "10"}
    assert len((await get(stub)).items) == 2


async def test_the_longest_answer_fits_a_message(stub: Stub) -> None:
    sent = [
        batch(f"{number:0128}", *[item(2**63 - 1 - number, code="x" * 40)] * 1_000)
        for number in range(10)
    ]
    response = await stub.AddItems(stream(*sent))
    assert len(response.rejected_items) == response.rejected_count == 10_000


async def test_a_full_cart_of_the_longest_names_is_read_whole(stub: Stub, shop: Shop) -> None:
    for number in range(1, 501):
        shop.sell(number, f"{number:064}", "茶" * 200, 10**12)
    for start in (1, 251):
        items = [
            item(number, 9_999, code="GIFT", color="茶" * 40)
            for number in range(start, start + 250)
        ]
        response = await stub.AddItems(stream(batch(f"b{start}", *items)))
        assert response.added_count == 250
    cart = await get(stub)
    assert cart.totals.item_count == 500
    assert cart.totals.subtotal == money(500 * 9_999 * 10**10)
    assert cart.totals.total == money(0)
    more = await stub.AddItems(stream(batch("c", item(1, color="red"))))
    assert [each.issue for each in more.rejected_items] == [pb.ITEM_ISSUE_CART_FULL]
