"""The store on real SQLite and real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from discount.model import FixedAmounts, Percentage, State
from discount.store import Store
from discount.tests.examples import HOUR, NOW, draft
from runtime.database import Database
from runtime.errors import Aborted, AlreadyExists, InvalidArgument, NotFound
from runtime.testing.databases import open_patiently


@pytest.fixture
async def other(database: Database, database_url: str) -> AsyncIterator[Store]:
    """A second server's store over the same database."""
    opened = await open_patiently(database_url)
    yield Store(opened)
    await opened.close()


async def test_a_discount_is_read_as_it_was_created(store: Store) -> None:
    wanted = draft(
        description="Zwölf",
        benefit=FixedAmounts({"EUR": 500, "JPY": 10**12}),
        start_time=NOW,
        end_time=NOW + HOUR,
        redemption_limit=7,
        active=False,
    )
    created = await store.create("A", wanted, NOW)
    assert (await store.get_many(["A", "B"])) == {"A": created}
    assert created.draft == wanted
    assert (created.redemption_count, created.create_time, created.update_time) == (0, NOW, NOW)


async def test_a_taken_code_changes_nothing(store: Store) -> None:
    first = await store.create("A", draft(), NOW)
    with pytest.raises(AlreadyExists):
        await store.create("A", draft(description="Other"), NOW)
    assert await store.get_many(["A"]) == {"A": first}


async def test_only_what_is_missing_is_made(store: Store, other: Store) -> None:
    first = await store.create("A", draft(), NOW)
    drafts = {"B": draft(), "A": draft(description="Other")}
    made = await asyncio.gather(*(each.create_missing(drafts, NOW) for each in (store, other)))
    assert [each.code for part in made for each in part] == ["B"]
    assert (await store.get_many(["A"]))["A"] == first


async def test_pages_are_in_order_of_code_and_survive_changes(store: Store) -> None:
    for code in ("B", "A-1", "A_1", "A1", "C"):
        await store.create(code, draft(), NOW)
    codes = [each.code for each in await store.page("", 10)]
    assert codes == ["A-1", "A1", "A_1", "B", "C"]
    await store.delete("A1", None)
    assert [each.code for each in await store.page("A1", 2)] == ["A_1", "B"]


async def test_a_change_moves_the_revision_and_the_time(store: Store) -> None:
    first = await store.create("A", draft(), NOW)
    changed = await store.update(
        "A", first.revision, {"benefit": FixedAmounts({"EUR": 1}), "active": False}, NOW + 1
    )
    assert changed.draft == draft(benefit=FixedAmounts({"EUR": 1}), active=False)
    assert changed.update_time == NOW + 1
    assert changed.revision != first.revision
    back = await store.update("A", None, {"benefit": Percentage(1)}, NOW + 2)
    assert back.draft.benefit == Percentage(1)


async def test_a_stale_etag_changes_nothing(store: Store) -> None:
    first = await store.create("A", draft(), NOW)
    second = await store.update("A", None, {"active": False}, NOW)
    for attempt in (
        store.update("A", first.revision, {"active": True}, NOW),
        store.delete("A", first.revision),
    ):
        with pytest.raises(Aborted):
            await attempt
    assert (await store.get_many(["A"]))["A"] == second


async def test_a_code_made_anew_is_another_discount(store: Store) -> None:
    first = await store.create("A", draft(redemption_limit=1), NOW)
    await store.redeem("ann", ["A"], NOW)
    await store.delete("A", None)
    second = await store.create("A", draft(redemption_limit=1), NOW)
    assert second.revision != first.revision
    assert second.redemption_count == 0
    assert (await store.redeem("bob", ["A"], NOW))["A"][1] is State.ACTIVE


async def test_what_is_not_there_is_not_changed(store: Store) -> None:
    for attempt in (store.update("A", 5, {"active": True}, NOW), store.delete("A", None)):
        with pytest.raises(NotFound):
            await attempt


async def test_an_end_before_the_stored_start_is_refused(store: Store) -> None:
    first = await store.create("A", draft(start_time=NOW), NOW)
    with pytest.raises(InvalidArgument) as refused:
        await store.update("A", None, {"end_time": NOW}, NOW)
    assert [each.field for each in refused.value.violations] == ["discount.end_time"]
    assert (await store.get_many(["A"]))["A"] == first


async def test_a_redeemer_takes_one_however_often_it_asks(store: Store) -> None:
    await store.create("A", draft(redemption_limit=2), NOW)
    for _ in range(3):
        discount, state = (await store.redeem("ann", ["A"], NOW))["A"]
        assert (discount.redemption_count, state) == (1, State.ACTIVE)


async def test_who_has_a_code_keeps_it_when_it_is_used_up(store: Store) -> None:
    await store.create("A", draft(redemption_limit=1), NOW)
    await store.redeem("ann", ["A"], NOW)
    assert (await store.redeem("bob", ["A"], NOW))["A"][1] is State.EXHAUSTED
    assert (await store.redeem("ann", ["A"], NOW))["A"][1] is State.ACTIVE


async def test_what_is_not_good_is_not_taken(store: Store) -> None:
    await store.create("OFF", draft(redemption_limit=1, active=False), NOW)
    await store.create("LATER", draft(redemption_limit=1, start_time=NOW + 1), NOW)
    await store.create("OVER", draft(redemption_limit=1, end_time=NOW), NOW)
    await store.create("FREE", draft(), NOW)
    found = await store.redeem("ann", ["OFF", "LATER", "OVER", "FREE", "NONE"], NOW)
    assert {code: (each.redemption_count, state) for code, (each, state) in found.items()} == {
        "OFF": (0, State.INACTIVE),
        "LATER": (0, State.NOT_STARTED),
        "OVER": (0, State.EXPIRED),
        "FREE": (0, State.ACTIVE),
    }


async def test_a_redemption_is_no_change_by_hand(store: Store) -> None:
    first = await store.create("A", draft(redemption_limit=5), NOW)
    redeemed = (await store.redeem("ann", ["A"], NOW + 1))["A"][0]
    assert (redeemed.revision, redeemed.update_time) == (first.revision, NOW)


async def test_a_limit_below_what_is_taken_is_used_up(store: Store) -> None:
    await store.create("A", draft(redemption_limit=5), NOW)
    for name in ("ann", "bob"):
        await store.redeem(name, ["A"], NOW)
    lowered = await store.update("A", None, {"redemption_limit": 1}, NOW)
    assert lowered.state(NOW) is State.EXHAUSTED
    assert (await store.redeem("cat", ["A"], NOW))["A"][1] is State.EXHAUSTED


async def test_of_fifty_callers_at_once_as_many_win_as_the_limit_says(
    store: Store, other: Store
) -> None:
    """Over two replicas, each caller twice, and two codes in either order."""
    await store.create("A", draft(redemption_limit=7), NOW)
    await store.create("B", draft(redemption_limit=11), NOW)
    answers = await asyncio.gather(
        *(
            replica.redeem(f"redeemer-{number}", codes, NOW)
            for number in range(50)
            for replica, codes in ((store, ["A", "B"]), (other, ["B", "A"]))
        )
    )
    winners: dict[str, set[int]] = {"A": set(), "B": set()}
    for index, answer in enumerate(answers):
        for code, (_, state) in answer.items():
            if state is State.ACTIVE:
                winners[code].add(index // 2)
    assert {code: len(each) for code, each in winners.items()} == {"A": 7, "B": 11}
    counts = await store.get_many(["A", "B"])
    assert {code: each.redemption_count for code, each in counts.items()} == {"A": 7, "B": 11}
