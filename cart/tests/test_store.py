"""The store on real SQLite and real PostgreSQL."""

import asyncio
from typing import Any

import pytest

from cart.model import Added, BatchResult, Cart, Created, ItemIssue, Notice, Priced, Request, Stamp
from cart.pricing.money import totals_of
from cart.store.store import Store
from cart.tests.examples import CUP, POT, TEA, draft, priced
from runtime.errors import Aborted, AlreadyExists, FailedPrecondition, NotFound

NOW = 1_700_000_000_000_000
LATER = NOW + 1


def batch(batch_id: str, digest: bytes = b"items") -> Request:
    return Request(batch_id, digest)


async def create(store: Store, owner: str = "ann", *quantities: int) -> Cart:
    drafts = [draft(place, TEA + place, each) for place, each in enumerate(quantities)]
    return (await store.create(owner, priced(*drafts), None, NOW)).cart


async def get(store: Store, owner: str = "ann") -> Cart:
    found = await store.get(owner)
    assert found is not None
    return found


async def check(store: Store, owner: str = "ann") -> Cart:
    """Check that all ways to read the cart agree, and return it."""
    cart = await get(store, owner)
    assert await store.stamp(owner) == cart.head.stamp
    summary = await store.summary(owner)
    assert summary is not None
    assert (summary.head, summary.totals) == (cart.head, totals_of(cart.lines))
    assert summary in await store.page("", 100)
    return cart


async def test_a_cart_is_read_as_it_was_created(store: Store) -> None:
    created = await create(store, "ann", 2, 9_999)
    assert await check(store) == created
    assert created.head.owner == "ann"
    assert (created.head.create_time, created.head.update_time) == (NOW, NOW)
    assert [(each.id, each.product_id, each.quantity) for each in created.lines] == [
        (1, TEA, 2),
        (2, CUP, 9_999),
    ]


async def test_the_largest_amounts_are_summed_exactly(store: Store) -> None:
    largest = [
        draft(place, place + 1, 9_999, list_minor=10**12, discount_minor=10**12)
        for place in range(500)
    ]
    await store.create("ann", priced(*largest), None, NOW)
    summary = await store.summary("ann")
    assert summary is not None
    assert summary.totals == (500, 500 * 9_999, "EUR", 500 * 9_999 * 10**12, 500 * 9_999 * 10**12)
    assert summary.totals.total_minor == 0
    await check(store)


async def test_an_owner_without_a_cart_has_none(store: Store) -> None:
    assert await store.stamp("ann") is None
    assert await store.get("ann") is None
    assert await store.summary("ann") is None
    assert await store.page("", 10) == []
    with pytest.raises(NotFound):
        await store.recall_batch("ann", batch("b"))
    with pytest.raises(NotFound):
        await store.add("ann", batch("b"), priced(draft()), NOW)
    with pytest.raises(NotFound):
        await store.clear("ann", None, NOW)
    with pytest.raises(NotFound):
        await store.delete("ann", None)


async def test_fifty_concurrent_creations_make_one_cart(store: Store) -> None:
    results = await asyncio.gather(
        *(create(store, "ann", number) for number in range(1, 51)), return_exceptions=True
    )
    winners = [each for each in results if isinstance(each, Cart)]
    assert len(winners) == 1
    assert sum(isinstance(each, AlreadyExists) for each in results) == 49
    assert await check(store) == winners[0]


async def test_one_request_sent_fifty_times_at_once_makes_one_cart(store: Store) -> None:
    request = Request("6f1e9b8e-4d0c-4d8e-9a59-0c3f6a2b7d11", b"digest")
    items = priced(draft(), draft(1, CUP))
    results = await asyncio.gather(*(store.create("ann", items, request, NOW) for _ in range(50)))
    assert sum(not each.is_repeated for each in results) == 1
    assert all(each.cart == results[0].cart for each in results)
    assert all(each.result == BatchResult(2, [], []) for each in results)
    assert (await check(store)) == results[0].cart


async def test_a_request_is_recalled_for_its_owner_alone(store: Store) -> None:
    request = Request("6f1e9b8e-4d0c-4d8e-9a59-0c3f6a2b7d11", b"digest")
    notice = Notice(1, ItemIssue.OUT_OF_STOCK, "product_id", "is sold out")
    items = Priced([draft()], [notice], [])
    created = await store.create("ann", items, request, NOW)
    recalled = await store.recall_creation("ann", request)
    assert recalled == Created(created.cart, BatchResult(1, [notice], []), is_repeated=True)
    assert await store.recall_creation("bob", request) is None
    assert not (await store.create("bob", items, request, NOW)).is_repeated
    other = Request(request.id, b"other")
    with pytest.raises(FailedPrecondition):
        await store.recall_creation("ann", other)
    with pytest.raises(FailedPrecondition):
        await store.create("ann", items, other, NOW)
    with pytest.raises(AlreadyExists):
        await store.recall_creation("ann", None)


async def test_the_request_of_a_deleted_cart_makes_no_other(store: Store) -> None:
    request = Request("6f1e9b8e-4d0c-4d8e-9a59-0c3f6a2b7d11", b"digest")
    await store.create("ann", priced(), request, NOW)
    await store.delete("ann", None)
    with pytest.raises(NotFound):
        await store.recall_creation("ann", request)
    with pytest.raises(NotFound):
        await store.create("ann", priced(), request, NOW)
    assert await store.get("ann") is None
    again = await create(store)
    recalled = await store.recall_creation("ann", request)
    assert recalled is not None
    assert recalled.cart == again


async def test_a_refused_creation_may_be_sent_again(store: Store) -> None:
    request = Request("6f1e9b8e-4d0c-4d8e-9a59-0c3f6a2b7d11", b"digest")
    await create(store)
    with pytest.raises(AlreadyExists):
        await store.create("ann", priced(draft()), request, NOW)
    await store.delete("ann", None)
    assert len((await store.create("ann", priced(draft()), request, NOW)).cart.lines) == 1


async def test_the_state_of_a_cart_is_never_that_of_another(store: Store) -> None:
    seen: list[Stamp] = []
    for _ in range(3):
        seen.append((await create(store, "ann")).head.stamp)
        seen.append(
            (await store.add("ann", batch(f"b{len(seen)}"), priced(draft()), NOW)).cart.head.stamp
        )
        await store.delete("ann", None)
    assert len(set(seen)) == 6


async def test_adding_the_same_item_twice_sums_the_quantity(store: Store) -> None:
    """Seed fault 5: a repeated item ignored the quantity asked and the colour."""
    first = await create(store, "ann", 2)
    added = await store.add(
        "ann", batch("b"), priced(draft(quantity=3), draft(1, color="red"), draft(2)), LATER
    )
    assert added.result == BatchResult(3, [], [])
    cart = await check(store)
    assert [(each.color, each.quantity) for each in cart.lines] == [("", 6), ("red", 1)]
    assert added.cart == (cart.head, totals_of(cart.lines))
    assert cart.head.update_time == LATER
    assert cart.head.revision > first.head.revision
    assert cart.lines[0].id == first.lines[0].id


@pytest.mark.parametrize(
    "other",
    [
        {"color": "red"},
        {"list_minor": 251},
        {"discount_code": "A"},
        {"discount_minor": 1},
    ],
    ids=str,
)
async def test_what_was_agreed_otherwise_is_another_item(
    store: Store, other: dict[str, Any]
) -> None:
    await create(store, "ann", 2)
    await store.add("ann", batch("b"), priced(draft(**other)), NOW)
    assert [each.quantity for each in (await check(store)).lines] == [2, 1]


async def test_a_repeated_batch_gets_its_first_result_and_changes_nothing(store: Store) -> None:
    """Seed fault 5: a new stream added duplicates."""
    await create(store)
    notice = Notice(1, ItemIssue.INVALID, "quantity", "must be 1 to 9,999")
    warning = Notice(0, ItemIssue.DISCOUNT_UNKNOWN, "discount_code", "there is no such code")
    sent = Priced([draft()], [notice], [warning])
    first = await store.add("ann", batch("b"), sent, NOW)
    before = await check(store)
    assert await store.recall_batch("ann", batch("b")) == first.result
    again = await store.add("ann", batch("b"), sent, LATER)
    assert again == Added(first.cart, BatchResult(1, [notice], [warning]), is_repeated=True)
    assert await check(store) == before


async def test_the_same_batch_sent_fifty_times_at_once_is_applied_once(store: Store) -> None:
    await create(store)
    results = await asyncio.gather(
        *(store.add("ann", batch("b"), priced(draft(quantity=3)), NOW) for _ in range(50))
    )
    assert sum(not each.is_repeated for each in results) == 1
    assert [each.quantity for each in (await check(store)).lines] == [3]


async def test_a_batch_id_with_other_items_is_refused_and_changes_nothing(store: Store) -> None:
    await create(store)
    await store.add("ann", batch("b"), priced(draft()), NOW)
    before = await check(store)
    with pytest.raises(FailedPrecondition):
        await store.recall_batch("ann", batch("b", b"other"))
    with pytest.raises(FailedPrecondition):
        await store.add("ann", batch("b", b"other"), priced(draft(product_id=POT)), NOW)
    assert await check(store) == before
    await create(store, "bob")
    assert await store.recall_batch("bob", batch("b", b"other")) is None


async def test_a_batch_of_which_nothing_is_added_is_remembered_and_changes_nothing(
    store: Store,
) -> None:
    first = await create(store, "ann", 9_999)
    added = await store.add("ann", batch("b"), priced(draft()), LATER)
    assert [each.issue for each in added.result.rejected] == [ItemIssue.QUANTITY_LIMIT]
    assert added.result.added == 0
    assert await check(store) == first
    assert await store.recall_batch("ann", batch("b")) == added.result


async def test_an_item_that_is_not_added_after_all_has_no_warning(store: Store) -> None:
    await create(store, "ann", 9_999)
    warning = Notice(0, ItemIssue.DISCOUNT_UNKNOWN, "discount_code", "there is no such code")
    added = await store.add("ann", batch("b"), Priced([draft()], [], [warning]), NOW)
    assert [each.issue for each in added.result.rejected] == [ItemIssue.QUANTITY_LIMIT]
    assert added.result.warnings == []


async def test_each_change_moves_the_cart_on(store: Store) -> None:
    seen = [(await create(store, "ann", 1, 1, 1)).head]
    seen.append((await store.set_quantity("ann", 1, 7, None, LATER)).head)
    seen.append((await store.remove("ann", 2, seen[-1].stamp, LATER)).head)
    assert [(each.id, each.quantity) for each in (await check(store)).lines] == [(1, 7), (3, 1)]
    seen.append((await store.clear("ann", seen[-1].stamp, LATER)).head)
    revisions = [each.revision for each in seen]
    assert revisions == sorted(set(revisions))
    assert {each.id for each in seen} == {seen[0].id}
    assert (await check(store)).lines == []


async def test_a_stale_state_changes_nothing(store: Store) -> None:
    first = await create(store, "ann", 1)
    before = await store.set_quantity("ann", 1, 7, first.head.stamp, LATER)
    stale = first.head.stamp
    with pytest.raises(Aborted):
        await store.set_quantity("ann", 1, 8, stale, LATER)
    with pytest.raises(Aborted):
        await store.remove("ann", 1, stale, LATER)
    with pytest.raises(Aborted):
        await store.clear("ann", stale, LATER)
    with pytest.raises(Aborted):
        await store.delete("ann", stale)
    assert await check(store) == before


async def test_an_unknown_item_changes_nothing(store: Store) -> None:
    await create(store, "bob", 1, 1, 1)
    first = await create(store, "ann", 1)
    with pytest.raises(NotFound):
        await store.set_quantity("ann", 3, 8, None, LATER)
    with pytest.raises(NotFound):
        await store.remove("ann", 3, None, LATER)
    assert await check(store) == first


async def test_a_deleted_cart_is_gone_with_its_items_and_the_others_stay(store: Store) -> None:
    await create(store, "ann", 1, 2)
    other = await create(store, "bob", 3)
    await store.delete("ann", None)
    assert await store.get("ann") is None
    assert await check(store, "bob") == other
    assert (await create(store, "ann")).lines == []
    assert (await check(store)).lines == []


async def test_pages_go_on_after_an_owner_by_code_point(store: Store) -> None:
    for owner in ("b", "Z", "é", "a"):
        await create(store, owner, 1)
    assert [each.head.owner for each in await store.page("", 3)] == ["Z", "a", "b"]
    assert [each.head.owner for each in await store.page("b", 3)] == ["é"]


async def test_what_is_old_is_forgotten_and_what_is_new_is_kept(store: Store) -> None:
    for number in range(3):
        request = Request(f"6f1e9b8e-4d0c-4d8e-9a59-0c3f6a2b7d1{number}", b"digest")
        await store.create(f"o{number}", priced(), request, NOW + number)
        await store.add(f"o{number}", batch("b"), priced(draft()), NOW + number)
    assert await store.purge(NOW + 2, 1) == 2
    assert await store.purge(NOW + 2, 10) == 2
    assert await store.purge(NOW + 2, 10) == 0
    assert await store.recall_batch("o2", batch("b")) is not None
    assert await store.recall_batch("o0", batch("b")) is None
    assert len(await store.page("", 10)) == 3


async def test_a_failed_write_beside_others_fails_alone(store: Store) -> None:
    await create(store, "ann", 1)
    results = await asyncio.gather(
        store.add("ann", batch("a"), priced(draft()), NOW),
        store.remove("ann", 99, None, NOW),
        store.add("ann", batch("b"), priced(draft()), NOW),
        return_exceptions=True,
    )
    assert [isinstance(each, NotFound) for each in results] == [False, True, False]
    assert [each.quantity for each in (await check(store)).lines] == [3]
