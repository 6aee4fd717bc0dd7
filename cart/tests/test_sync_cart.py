"""Live sessions through a real stub, on both engines."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc import aio
from structlog.testing import capture_logs

from bodega.cart.v1 import cart_pb2 as pb
from cart.store.change_notifier import CartHub
from cart.tests.conftest import As
from cart.tests.examples import (
    CUP,
    POT,
    RARE,
    TEA,
    Shop,
    batch,
    failure,
    item,
    stream,
)
from cart.tests.sessions import Session, cart_in, status_of
from runtime.errors import Unavailable
from runtime.reason import Reason
from runtime.server import Server
from runtime.testing.waiting import eventually

if TYPE_CHECKING:
    from cart.tests.examples import Stub


async def create(stub: Stub, *items: pb.NewItem) -> pb.Cart:
    return (await stub.CreateCart(pb.CreateCartRequest(items=items))).cart


async def get(stub: Stub) -> pb.Cart:
    return (await stub.GetCart(pb.GetCartRequest())).cart


async def refusal(call: Awaitable[Any]) -> aio.AioRpcError:
    with pytest.raises(aio.AioRpcError) as refused:
        await call
    return refused.value


async def test_a_session_shows_the_cart_at_once(stub: Stub) -> None:
    created = await create(stub, item(TEA, 2))
    async with Session.opened(stub) as session:
        assert [cart_in(each) for each in session.states] == [created]


async def test_a_session_without_a_cart_is_told_so_and_of_its_creation_and_deletion(
    stub: Stub,
) -> None:
    async with Session.opened(stub) as session:
        assert cart_in(session.states[0]) is None
        await session.add("a", item())
        error = (await session.result()).error
        assert error.code == grpc.StatusCode.NOT_FOUND.value[0]
        created = await create(stub)
        assert await session.state() == created
        await session.add("a", item())
        assert not (await session.result()).HasField("error")
        await session.state()
        await stub.DeleteCart(pb.DeleteCartRequest())
        assert await session.state() is None


async def test_an_operation_is_answered_before_the_cart_that_shows_it(stub: Stub) -> None:
    await create(stub)
    async with Session.opened(stub) as session:
        await session.add("a", item(TEA, 2, color="red"))
        added = await session.result()
        cart = await session.state()
        assert cart is not None
        assert (added.operation_id, added.etag) == ("a", cart.etag)
        assert [(each.sku, each.quantity, each.color) for each in cart.items] == [("TEA", 2, "red")]
        number = cart.items[0].id

        await session.send("b", update=pb.UpdateOperation(item_id=number, quantity=5))
        updated = await session.result()
        cart = await session.state()
        assert cart is not None
        assert (updated.operation_id, updated.etag) == ("b", cart.etag)
        assert cart.items[0].quantity == 5

        await session.send("c", remove=pb.RemoveOperation(item_id=number, etag=cart.etag))
        removed = await session.result()
        cart = await session.state()
        assert cart is not None
        assert (removed.operation_id, removed.etag) == ("c", cart.etag)
        assert not cart.items

        await session.add("d", item(CUP))
        await session.send("e", clear=pb.ClearOperation())
        assert [(await session.result()).operation_id for _ in range(2)] == ["d", "e"]
        await session.finish()
        assert cart_in(session.states[-1]) == await get(stub)
        assert await session.call.code() is grpc.StatusCode.OK


async def test_items_that_are_not_added_are_in_the_result(stub: Stub) -> None:
    await create(stub)
    async with Session.opened(stub) as session:
        items = [item(), item(RARE), item(99), item(CUP, code="OFF")]
        await session.add("a", *items, allow_full_price=True)
        result = await session.result()
        response = await stub.AddItems(stream(batch("x", *items, allow_full_price=True)))
        for ours, theirs in (
            (result.rejected_items, response.rejected_items),
            (result.warnings, response.warnings),
        ):
            assert [each.batch_id for each in ours] == ["a"] * len(ours)
            for each in theirs:
                each.batch_id = "a"
            assert list(ours) == list(theirs)
        assert (len(result.rejected_items), len(result.warnings)) == (2, 1)


async def test_operations_sent_at_once_are_answered_in_order_each_before_it_is_shown(
    stub: Stub,
) -> None:
    await create(stub)
    count = 100
    async with Session.opened(stub) as session:

        async def send() -> None:
            for number in range(count):
                await session.add(f"op-{number}", item(TEA, color=f"c{number}"))
            await session.call.done_writing()

        sending = asyncio.create_task(send())
        while (response := await session.receive()) is not None:
            if response.WhichOneof("message") == "state":
                assert len(response.state.cart.items) <= len(session.results)
        await sending
        assert [each.operation_id for each in session.results] == [f"op-{n}" for n in range(count)]
        assert len(session.states[-1].cart.items) == count
        assert cart_in(session.states[-1]) == await get(stub)


async def test_a_session_that_never_pauses_is_shown_the_cart_all_the_same(stub: Stub) -> None:
    await create(stub)
    async with Session.opened(stub) as session:
        for number in range(200):
            await session.add(f"op-{number}", item(TEA, color=f"c{number}"))
        await session.finish()
        shown = [len(each.cart.items) for each in session.states]
        assert shown == sorted(set(shown))
        assert len(session.states) > 5


type Refused = tuple[dict[str, Any], Callable[[Any], Any]]

STALE = "1-999"
REFUSED: dict[str, Refused] = {
    "update, no such item": (
        {"update": pb.UpdateOperation(item_id=99, quantity=1)},
        lambda stub: stub.UpdateItem(pb.UpdateItemRequest(item_id=99, quantity=1)),
    ),
    "update, bad fields": (
        {"update": pb.UpdateOperation(item_id=-1, quantity=10_000)},
        lambda stub: stub.UpdateItem(pb.UpdateItemRequest(item_id=-1, quantity=10_000)),
    ),
    "update, stale": (
        {"update": pb.UpdateOperation(item_id=1, quantity=1, etag=STALE)},
        lambda stub: stub.UpdateItem(pb.UpdateItemRequest(item_id=1, quantity=1, etag=STALE)),
    ),
    "remove, no such item": (
        {"remove": pb.RemoveOperation(item_id=99)},
        lambda stub: stub.RemoveItem(pb.RemoveItemRequest(item_id=99)),
    ),
    "remove, stale": (
        {"remove": pb.RemoveOperation(item_id=1, etag=STALE)},
        lambda stub: stub.RemoveItem(pb.RemoveItemRequest(item_id=1, etag=STALE)),
    ),
    "clear, stale": (
        {"clear": pb.ClearOperation(etag="no etag")},
        lambda stub: stub.ClearCart(pb.ClearCartRequest(etag="no etag")),
    ),
    "add, used before": (
        {"add": pb.AddOperation(items=[item(POT)])},
        lambda stub: stub.AddItems(stream(batch("used", item(POT)))),
    ),
    "add, nothing": (
        {"add": pb.AddOperation(items=[item()] * 201)},
        lambda stub: stub.AddItems(stream(batch("used", *[item()] * 1001))),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_an_error_is_what_the_rpc_of_the_kind_would_have_ended_with(
    stub: Stub, case: str
) -> None:
    await create(stub, item())
    await stub.AddItems(stream(batch("used", item(CUP))))
    change, call = REFUSED[case]
    expected = status_of(await refusal(call(stub)))
    async with Session.opened(stub) as session:
        await session.send("used", **change)
        result = await session.result()
        assert not result.etag
        if case == "add, nothing":
            assert "1 to 200 items" in result.error.message
            assert result.error.code == expected.code
        else:
            assert result.error == expected
        await session.add("after", item(CUP))
        assert not (await session.result()).HasField("error")


async def test_an_outage_is_told_with_when_to_come_back(stub: Stub, shop: Shop) -> None:
    await create(stub)
    shop.product_outage = Unavailable("Product is away", reason=Reason.PRODUCT_UNAVAILABLE)
    expected = status_of(await refusal(stub.AddItems(stream(batch("a", item())))))
    async with Session.opened(stub) as session:
        await session.add("a", item())
        assert (await session.result()).error == expected
        shop.product_outage = None
        await session.add("a", item())
        assert not (await session.result()).HasField("error")


async def test_a_fault_is_an_internal_error_of_its_operation_and_in_the_log(
    stub: Stub, shop: Shop
) -> None:
    await create(stub)
    shop.product_outage = RuntimeError("a secret")  # type: ignore[assignment]
    async with Session.opened(stub) as session:
        with capture_logs() as events:
            await session.add("a", item())
            error = (await session.result()).error
        assert (error.code, error.message) == (grpc.StatusCode.INTERNAL.value[0], "internal error")
        assert [each["event"] for each in events if each["log_level"] == "error"] == ["rpc failed"]
        shop.product_outage = None
        await session.add("a", item())
        assert not (await session.result()).HasField("error")


@pytest.mark.parametrize("operation_id", ["", "white space", "x" * 129])
async def test_an_operation_with_a_bad_name_is_refused_alone(stub: Stub, operation_id: str) -> None:
    await create(stub)
    async with Session.opened(stub) as session:
        await session.send(operation_id, clear=pb.ClearOperation())
        result = await session.result()
        assert result.operation_id == operation_id[:128]
        request = error_details_pb2.BadRequest()
        assert any(each.Unpack(request) for each in result.error.details)
        assert [each.field for each in request.field_violations] == ["operation_id"]


async def test_an_operation_that_changes_nothing_is_refused_alone(stub: Stub) -> None:
    await create(stub)
    async with Session.opened(stub) as session:
        await session.send("a")
        error = (await session.result()).error
        assert error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
        assert error.message.startswith("change: must be set")
        await session.add("b", item())
        assert not (await session.result()).HasField("error")


async def test_an_addition_sent_again_adds_nothing_twice(stub: Stub) -> None:
    await create(stub)
    async with Session.opened(stub) as session:
        await session.add("a", item(TEA, 2), item(RARE))
        await session.add("a", item(TEA, 2), item(RARE))
        first, again = await session.result(), await session.result()
        assert first == again
        await session.add("a", item(TEA, 3))
        reused = await session.result()
        assert reused.error.code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
    response = await stub.AddItems(stream(batch("a", item(TEA, 2), item(RARE))))
    assert response.repeated_batch_count == 1
    assert [each.quantity for each in (await get(stub)).items] == [2]


async def test_additions_that_were_not_answered_are_sent_again_in_another_session(
    stub: Stub,
) -> None:
    await create(stub)
    for _ in range(3):
        async with Session.opened(stub) as session:
            for number in range(20):
                await session.add(f"op-{number}", item(TEA))
            # Given up somewhere in the middle.
            await session.result()
    async with Session.opened(stub) as session:
        for number in range(20):
            await session.add(f"op-{number}", item(TEA))
        await session.finish()
        assert [each.HasField("error") for each in session.results] == [False] * 20
    assert [each.quantity for each in (await get(stub)).items] == [20]


async def test_two_sessions_see_what_each_other_does(stub: Stub, manager: Stub) -> None:
    await create(stub)
    async with Session.opened(stub) as one, Session.opened(manager, "ann") as other:
        await one.add("a", item(TEA))
        etag = (await one.result()).etag
        assert (await one.until(etag)) == (await other.until(etag))
        await other.add("b", item(CUP))
        etag = (await other.result()).etag
        seen = await one.until(etag)
        assert seen == await other.until(etag)
        assert [each.sku for each in seen.items] == ["TEA", "CUP"]


async def test_a_session_sees_what_other_calls_do(stub: Stub) -> None:
    created = await create(stub, item())
    async with Session.opened(stub) as session:
        response = await stub.AddItems(stream(batch("a", item(CUP))))
        seen = await session.until(response.cart.etag)
        assert [each.sku for each in seen.items] == ["TEA", "CUP"]
        number = created.items[0].id
        removed = await stub.RemoveItem(pb.RemoveItemRequest(item_id=number))
        assert await session.until(removed.cart.etag) == removed.cart


@pytest.mark.parametrize(
    ("first", "field"),
    [
        (pb.SyncCartRequest(operation=pb.CartOperation(operation_id="a")), "open"),
        (pb.SyncCartRequest(), "open"),
        (None, "open"),
    ],
    ids=["operation", "empty", "none"],
)
async def test_a_session_begins_with_open(
    stub: Stub, first: pb.SyncCartRequest | None, field: str
) -> None:
    call = stub.SyncCart()
    if first is not None:
        await call.write(first)
    await call.done_writing()
    refused = await failure(call.read())
    assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, [field])


@pytest.mark.parametrize(
    ("later", "field"),
    [(pb.SyncCartRequest(open=pb.OpenSession()), "open"), (pb.SyncCartRequest(), "operation")],
    ids=["open", "empty"],
)
async def test_a_later_message_that_is_no_operation_ends_the_session_after_the_answers(
    stub: Stub, later: pb.SyncCartRequest, field: str
) -> None:
    await create(stub)
    async with Session.opened(stub) as session:
        for number in range(5):
            await session.add(f"op-{number}", item())
        await session.call.write(later)
        for _ in range(5):
            assert not (await session.result()).HasField("error")

        async def rest() -> None:
            while await session.receive() is not None:
                pass

        refused = await failure(rest())
        assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, [field])
    assert [each.quantity for each in (await get(stub)).items] == [5]


async def test_the_cart_of_another_is_only_for_who_may(
    stub: Stub, calling_as: As, manager: Stub
) -> None:
    created = await create(stub)
    stranger = calling_as("bob").SyncCart()
    await stranger.write(pb.SyncCartRequest(open=pb.OpenSession(owner="ann")))
    refused = await failure(stranger.read())
    assert (refused.code, refused.reason) == (
        grpc.StatusCode.PERMISSION_DENIED,
        "OWNER_FORBIDDEN",
    )
    async with Session.opened(manager, "ann") as session:
        assert cart_in(session.states[0]) == created


async def test_nothing_is_left_of_a_session_that_was_given_up(
    stub: Stub, hub: CartHub, shop: Shop
) -> None:
    await create(stub)
    before = len(asyncio.all_tasks())
    async with Session.opened(stub) as session:
        for number in range(10):
            await session.add(f"op-{number}", item())
        await session.result()
        assert hub.watched == 1
    await eventually(lambda: hub.watched == 0)
    await eventually(lambda: len(asyncio.all_tasks()) <= before)


async def test_a_session_ends_with_its_deadline(stub: Stub, hub: CartHub) -> None:
    async def requests() -> AsyncIterator[pb.SyncCartRequest]:
        yield pb.SyncCartRequest(open=pb.OpenSession())
        await asyncio.Event().wait()

    async def until_it_ends() -> None:
        async for response in stub.SyncCart(requests(), timeout=0.3):
            assert cart_in(response.state) is None

    error = await refusal(until_it_ends())
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await eventually(lambda: hub.watched == 0)


async def test_a_drain_ends_sessions_and_keeps_what_was_answered(
    stub: Stub, server: Server, hub: CartHub
) -> None:
    await create(stub)
    async with Session.opened(stub) as session:
        await session.add("a", item())
        await session.result()
        server.stopping.set()

        async def rest() -> None:
            while await session.receive() is not None:
                pass

        ended = await failure(rest())
    assert (ended.code, ended.reason) == (grpc.StatusCode.UNAVAILABLE, "SERVER_STOPPING")
    assert [each.quantity for each in (await get(stub)).items] == [1]
    await eventually(lambda: hub.watched == 0)


async def test_a_client_that_does_not_read_has_its_operations_wait(stub: Stub, shop: Shop) -> None:
    await create(stub)
    total = 400
    # Each is answered with some 40 KiB, of which no window holds as many.
    unknown = [item(99)] * 200

    async with Session.opened(stub) as session:

        async def send() -> None:
            for number in range(total):
                await session.add(f"{number:0128}", *unknown)
            await session.call.done_writing()

        sending = asyncio.create_task(send())
        last, unchanged = -1, 0
        async with asyncio.timeout(60):
            while unchanged < 30:
                await get(stub)
                unchanged = unchanged + 1 if len(shop.quoted) == last else 0
                last = len(shop.quoted)
        assert 0 < last < total
        while await session.receive() is not None:
            pass
        await sending
        assert len(session.results) == total


async def change_somehow(draw: random.Random, session: Session, name: str) -> None:
    """Send one operation, good or bad."""
    cart = session.states[-1].cart
    number = draw.choice([each.id for each in cart.items] or [1])
    match draw.randrange(8):
        case 0:
            await session.send(name, remove=pb.RemoveOperation(item_id=number))
        case 1:
            update = pb.UpdateOperation(item_id=number, quantity=draw.randint(0, 9))
            await session.send(name, update=update)
        case 2:
            await session.send(name, clear=pb.ClearOperation(etag=draw.choice(["", cart.etag])))
        case 3:
            await session.send(name)
        case _:
            chosen = draw.choice([TEA, CUP, POT, RARE])
            await session.add(name, item(chosen, draw.randint(1, 9), color=draw.choice("ab")))


@pytest.mark.parametrize("seed", range(3))
async def test_after_any_operations_the_last_state_is_the_cart(
    stub: Stub, manager: Stub, seed: int
) -> None:
    draw = random.Random(seed)  # noqa: S311 (no secret)
    await create(stub)

    async def act(session: Session, name: str) -> None:
        for burst in range(20):
            sent = draw.randint(1, 5)
            for number in range(sent):
                await change_somehow(draw, session, f"{name}-{burst}-{number}")
            for _ in range(sent):
                await session.result()

    async with Session.opened(stub) as one, Session.opened(manager, "ann") as other:
        await asyncio.gather(act(one, "one"), act(other, "other"))
        await stub.AddItems(stream(batch("last", item())))
        await asyncio.gather(one.finish(), other.finish())
        final = await get(stub)
        for session in (one, other):
            assert cart_in(session.states[-1]) == final
            etags = [each.cart.etag for each in session.states]
            assert len(set(etags)) == len(etags)
