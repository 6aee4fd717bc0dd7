"""The API through a real channel, on both engines."""

from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from google.type import money_pb2
from grpc import aio

from bodega.discount.v1 import discount_pb2 as pb
from discount.tests.examples import HOUR, NOW, HandClock, amounts, message, time
from runtime.testing.failure import Failure

if TYPE_CHECKING:
    from discount.tests.examples import Stub


async def failure(call: Any) -> Failure:
    with pytest.raises(aio.AioRpcError) as refused:
        await call
    return Failure(refused.value)


async def create(stub: Stub, discount: pb.Discount) -> pb.Discount:
    return (await stub.CreateDiscount(pb.CreateDiscountRequest(discount=discount))).discount


async def refused(stub: Stub, discount: pb.Discount) -> Failure:
    return await failure(stub.CreateDiscount(pb.CreateDiscountRequest(discount=discount)))


async def state(stub: Stub, code: str) -> pb.DiscountState.ValueType:
    return (await stub.GetDiscount(pb.GetDiscountRequest(code=code))).state


async def test_a_discount_is_read_as_it_was_created(stub: Stub) -> None:
    sent = message(
        "welcome",
        fixed=amounts(USD=6, EUR=5),
        start_time=time(NOW),
        end_time=time(NOW + HOUR),
        redemption_limit=10,
    )
    created = await create(stub, sent)
    assert created.code == "WELCOME"
    assert [each.currency_code for each in created.fixed.amounts] == ["EUR", "USD"]
    assert created.etag
    assert created.create_time == created.update_time == time(NOW)
    found = await stub.GetDiscount(pb.GetDiscountRequest(code="Welcome"))
    assert (found.discount, found.state) == (created, pb.DISCOUNT_STATE_ACTIVE)


async def test_output_only_fields_are_ignored(stub: Stub) -> None:
    created = await create(stub, message("A", redemption_count=9, create_time=time(1), etag="ff"))
    assert (created.redemption_count, created.create_time) == (0, time(NOW))
    assert created.etag != "ff"


async def test_the_window_is_half_open(stub: Stub, clock: HandClock) -> None:
    await create(stub, message("A", start_time=time(NOW + 1), end_time=time(NOW + 3)))
    seen = []
    for now in range(NOW, NOW + 4):
        clock.now = now
        seen.append(await state(stub, "A"))
    assert seen == [
        pb.DISCOUNT_STATE_NOT_STARTED,
        pb.DISCOUNT_STATE_ACTIVE,
        pb.DISCOUNT_STATE_ACTIVE,
        pb.DISCOUNT_STATE_EXPIRED,
    ]


async def test_every_code_of_a_batch_has_its_answer_and_none_is_an_error(
    stub: Stub, clock: HandClock
) -> None:
    await create(stub, message("GOOD"))
    await create(stub, message("OFF", active=False))
    await create(stub, message("OVER", end_time=time(NOW + 1)))
    clock.now = NOW + 1
    asked = ["good", "NONE", "OFF", "", "ü", "X" * 5000, "OVER", "GOOD"]
    answers = (await stub.BatchGetDiscounts(pb.BatchGetDiscountsRequest(codes=asked))).results
    unknown = pb.DISCOUNT_STATE_UNKNOWN
    assert [(each.code, each.state) for each in answers] == [
        ("good", pb.DISCOUNT_STATE_ACTIVE),
        ("NONE", unknown),
        ("OFF", pb.DISCOUNT_STATE_INACTIVE),
        ("", unknown),
        ("ü", unknown),
        ("X" * 5000, unknown),
        ("OVER", pb.DISCOUNT_STATE_EXPIRED),
    ]
    assert answers[0].discount.code == "GOOD"
    assert not answers[1].HasField("discount")


@pytest.mark.parametrize("code", ["NONE", "", "ü", "X" * 5000])
async def test_a_code_that_is_not_there_is_not_found(stub: Stub, code: str) -> None:
    named = message(code)
    mask = FieldMask(paths=["active"])
    for call in (
        stub.GetDiscount(pb.GetDiscountRequest(code=code)),
        stub.DeleteDiscount(pb.DeleteDiscountRequest(code=code)),
        stub.UpdateDiscount(pb.UpdateDiscountRequest(discount=named, update_mask=mask)),
    ):
        found = await failure(call)
        assert (found.code, found.reason) == (grpc.StatusCode.NOT_FOUND, "DISCOUNT_NOT_FOUND")


async def test_a_taken_code_already_exists_in_either_case(stub: Stub) -> None:
    await create(stub, message("A"))
    found = await refused(stub, message("a"))
    assert (found.code, found.reason) == (grpc.StatusCode.ALREADY_EXISTS, "DISCOUNT_EXISTS")


FOREVER = Timestamp(seconds=253402300800)
CENT_OF_A_CENT = money_pb2.Money(currency_code="EUR", nanos=1_000_000)


@pytest.mark.parametrize(
    ("discount", "fields"),
    [
        (message("A B"), ["discount.code"]),
        (message("", description="\n"), ["discount.code", "discount.description"]),
        (message("A", basis_points=0), ["discount.basis_points"]),
        (message("A", basis_points=10_001), ["discount.basis_points"]),
        (pb.Discount(code="A"), ["discount.benefit"]),
        (message("A", fixed=pb.FixedBenefit()), ["discount.fixed.amounts"]),
        (message("A", fixed=amounts(EUR=0)), ["discount.fixed.amounts[0]"]),
        (message("A", fixed=amounts(EUR=-1)), ["discount.fixed.amounts[0].units"]),
        (message("A", fixed=amounts(XXQ=1)), ["discount.fixed.amounts[0].currency_code"]),
        (
            message("A", fixed=pb.FixedBenefit(amounts=[CENT_OF_A_CENT])),
            ["discount.fixed.amounts[0].nanos"],
        ),
        (
            message("A", fixed=pb.FixedBenefit(amounts=[*amounts(EUR=1).amounts] * 2)),
            ["discount.fixed.amounts[1].currency_code"],
        ),
        (message("A", start_time=time(NOW), end_time=time(NOW)), ["discount.end_time"]),
        (message("A", end_time=FOREVER), ["discount.end_time"]),
        (message("A", redemption_limit=-1), ["discount.redemption_limit"]),
        (message("A", redemption_limit=10**9 + 1), ["discount.redemption_limit"]),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, list) else "",
)
async def test_each_broken_rule_is_named(
    stub: Stub, discount: pb.Discount, fields: list[str]
) -> None:
    found = await refused(stub, discount)
    assert found.code is grpc.StatusCode.INVALID_ARGUMENT
    assert found.fields == fields


async def update(stub: Stub, discount: pb.Discount, *paths: str) -> pb.Discount:
    request = pb.UpdateDiscountRequest(discount=discount, update_mask=FieldMask(paths=paths))
    return (await stub.UpdateDiscount(request)).discount


async def test_only_what_the_mask_names_is_changed(stub: Stub) -> None:
    first = await create(stub, message("A", redemption_limit=5))
    changed = await update(stub, message("a", description="New", active=False), "description")
    assert changed.description == "New"
    assert changed.active
    assert changed.redemption_limit == 5
    assert changed.etag != first.etag
    changed = await update(stub, message("A", fixed=amounts(EUR=1)), "fixed")
    assert changed.WhichOneof("benefit") == "fixed"
    changed = await update(stub, message("A", description="All"), "*")
    assert (changed.WhichOneof("benefit"), changed.redemption_limit) == ("basis_points", 0)


async def test_a_time_is_taken_away_where_the_mask_names_it(stub: Stub) -> None:
    await create(stub, message("A", end_time=time(NOW + 1)))
    assert not (await update(stub, message("A"), "end_time")).HasField("end_time")


async def test_a_stale_etag_is_aborted(stub: Stub) -> None:
    first = await create(stub, message("A"))
    await update(stub, message("A", etag=first.etag), "active")
    for call in (
        update(stub, message("A", etag=first.etag), "active"),
        stub.DeleteDiscount(pb.DeleteDiscountRequest(code="A", etag=first.etag)),
    ):
        found = await failure(call)
        assert (found.code, found.reason) == (grpc.StatusCode.ABORTED, "ETAG_STALE")


async def test_a_deleted_discount_is_gone(stub: Stub) -> None:
    created = await create(stub, message("A"))
    await stub.DeleteDiscount(pb.DeleteDiscountRequest(code="a", etag=created.etag))
    found = await failure(stub.GetDiscount(pb.GetDiscountRequest(code="A")))
    assert found.code is grpc.StatusCode.NOT_FOUND


async def test_pages_hold_every_discount_once(stub: Stub) -> None:
    codes = [f"C{number:02}" for number in range(7)]
    for code in codes:
        await create(stub, message(code))
    token, found = "", []
    while True:
        request = pb.ListDiscountsRequest(page_size=3, page_token=token)
        page = await stub.ListDiscounts(request)
        found += [each.code for each in page.discounts]
        token = page.next_page_token
        if not token:
            break
    assert found == codes


@pytest.mark.parametrize(
    ("fields", "field"), [({"page_size": -1}, "page_size"), ({"page_token": "x"}, "page_token")]
)
async def test_a_bad_page_is_refused(stub: Stub, fields: dict[str, Any], field: str) -> None:
    found = await failure(stub.ListDiscounts(pb.ListDiscountsRequest(**fields)))
    assert found.fields == [field]


async def redeem(stub: Stub, redeemer: str, *codes: str) -> list[tuple[str, int]]:
    request = pb.RedeemDiscountsRequest(redeemer=redeemer, codes=codes)
    answers = (await stub.RedeemDiscounts(request)).results
    return [(each.code, each.state) for each in answers]


async def test_a_limited_code_is_redeemed_as_often_as_it_may_be(stub: Stub) -> None:
    await create(stub, message("ONE", redemption_limit=1))
    assert await redeem(stub, "ann", "one", "NONE") == [
        ("one", pb.DISCOUNT_STATE_ACTIVE),
        ("NONE", pb.DISCOUNT_STATE_UNKNOWN),
    ]
    assert await redeem(stub, "bob", "ONE") == [("ONE", pb.DISCOUNT_STATE_EXHAUSTED)]
    assert await redeem(stub, "ann", "ONE") == [("ONE", pb.DISCOUNT_STATE_ACTIVE)]
    assert await state(stub, "ONE") == pb.DISCOUNT_STATE_EXHAUSTED
    found = await stub.GetDiscount(pb.GetDiscountRequest(code="ONE"))
    assert found.discount.redemption_count == 1


@pytest.mark.parametrize(
    ("redeemer", "codes", "field"),
    [
        ("", ["A"], "redeemer"),
        ("x" * 201, ["A"], "redeemer"),
        ("a\0", ["A"], "redeemer"),
        ("ann", [], "codes"),
    ],
)
async def test_a_bad_redemption_is_refused(
    stub: Stub, redeemer: str, codes: list[str], field: str
) -> None:
    request = pb.RedeemDiscountsRequest(redeemer=redeemer, codes=codes)
    assert (await failure(stub.RedeemDiscounts(request))).fields == [field]


async def test_bytes_that_are_no_message_are_refused(channel: aio.Channel) -> None:
    call: Any = channel.unary_unary("/bodega.discount.v1.DiscountService/GetDiscount")
    found = await failure(call(b"\xff\xff"))
    assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED")
