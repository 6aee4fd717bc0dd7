"""The store on real SQLite and real PostgreSQL."""

import asyncio

import pytest

from product.model import Batch, BatchResult, CreateRequest, Product, Rejection
from product.store.store import Store
from product.tests.examples import draft, pack, unpack
from runtime.errors import Aborted, AlreadyExists, DomainError, FailedPrecondition, NotFound

NOW = 1_700_000_000_000_000
LATER = NOW + 1


def batch(batch_id: str, *skus: str, digest: bytes = b"rows", **fields: object) -> Batch:
    return Batch(batch_id, digest, [draft(sku, **fields) for sku in skus], [])


def counts(result: BatchResult) -> tuple[int, int, int]:
    return result.inserted, result.updated, result.unchanged


async def create(store: Store, sku: str, **fields: object) -> Product:
    return await store.create(draft(sku, **fields), None, NOW)


async def everything(store: Store) -> list[Product]:
    changes = await store.changes(0, 0, 10_000)
    return [unpack(change.message) for change in changes.changes if change.message is not None]


async def test_a_product_is_read_as_it_was_created(store: Store) -> None:
    created = await create(store, "A", name="Tee 茶", description="x" * 4000, price_minor=10**12)
    assert await store.get(created.id) == pack(created)
    assert created == Product(
        1, "A", "Tee 茶", "x" * 4000, "EUR", 10**12, 1, NOW, NOW, created.revision
    )


async def test_a_product_that_is_not_there_is_none(store: Store) -> None:
    assert await store.get(1) is None
    assert await store.get(2**63 - 1) is None


async def test_ids_grow_and_are_never_used_again(store: Store) -> None:
    first = await create(store, "A")
    second = await create(store, "B")
    await store.delete(second.id, None, NOW)
    third = await create(store, "C")
    assert first.id < second.id < third.id


async def test_a_taken_sku_changes_nothing(store: Store) -> None:
    first = await create(store, "A")
    with pytest.raises(AlreadyExists) as refused:
        await create(store, "A", name="Other")
    assert refused.value.metadata["sku"] == "A"
    assert await store.revision() == first.revision
    assert await everything(store) == [first]


async def test_many_are_read_at_once(store: Store) -> None:
    products = [await create(store, sku) for sku in "ABC"]
    found = await store.get_many([products[2].id, 999, products[0].id])
    assert found == {each.id: pack(each) for each in (products[0], products[2])}


async def test_the_same_request_gets_the_first_answer_whatever_became_of_it(store: Store) -> None:
    request = CreateRequest("6f1e9b8e-4d0c-4d8e-9a59-0c3f6a2b7d11", b"digest")
    first = await store.create(draft("A"), request, NOW)
    await store.update(first.id, None, {"name": "Other"}, LATER)
    assert await store.create(draft("A"), request, LATER) == first
    await store.delete(first.id, None, LATER)
    assert await store.create(draft("A"), request, LATER) == first
    assert await everything(store) == []


async def test_the_same_request_with_another_product_is_refused(store: Store) -> None:
    request = CreateRequest("6f1e9b8e-4d0c-4d8e-9a59-0c3f6a2b7d11", b"digest")
    first = await store.create(draft("A"), request, NOW)
    with pytest.raises(FailedPrecondition):
        await store.create(draft("B"), CreateRequest(request.request_id, b"other"), NOW)
    assert await everything(store) == [first]


async def test_a_request_that_was_refused_may_be_sent_again(store: Store) -> None:
    request = CreateRequest("6f1e9b8e-4d0c-4d8e-9a59-0c3f6a2b7d11", b"digest")
    taken = await create(store, "A")
    with pytest.raises(AlreadyExists):
        await store.create(draft("A"), request, NOW)
    await store.delete(taken.id, None, NOW)
    assert (await store.create(draft("A"), request, NOW)).sku == "A"


async def test_an_update_changes_the_columns_it_names_alone(store: Store) -> None:
    first = await create(store, "A")
    changed = await store.update(first.id, first.revision, {"price_minor": 7}, LATER)
    assert changed == first._replace(price_minor=7, update_time=LATER, revision=first.revision + 1)
    assert await store.get(first.id) == pack(changed)


async def test_a_stale_revision_changes_nothing(store: Store) -> None:
    first = await create(store, "A")
    changed = await store.update(first.id, None, {"price_minor": 7}, LATER)
    with pytest.raises(Aborted):
        await store.update(first.id, first.revision, {"price_minor": 8}, LATER)
    with pytest.raises(Aborted):
        await store.delete(first.id, first.revision, LATER)
    assert await store.get(first.id) == pack(changed)
    assert await store.revision() == changed.revision


async def test_changing_what_is_not_there_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound):
        await store.update(7, None, {"name": "x"}, NOW)
    with pytest.raises(NotFound):
        await store.update(7, 3, {"name": "x"}, NOW)
    with pytest.raises(NotFound):
        await store.delete(7, None, NOW)


async def test_an_update_to_a_taken_sku_is_refused(store: Store) -> None:
    await create(store, "A")
    second = await create(store, "B")
    with pytest.raises(AlreadyExists):
        await store.update(second.id, None, {"sku": "A"}, LATER)
    assert await store.get(second.id) == pack(second)


async def test_of_fifty_concurrent_updates_with_one_etag_exactly_one_wins(store: Store) -> None:
    product = await create(store, "A")
    for round_number in range(3):
        results = await asyncio.gather(
            *(
                store.update(product.id, product.revision, {"price_minor": number}, NOW)
                for number in range(50)
            ),
            return_exceptions=True,
        )
        winners = [each for each in results if isinstance(each, Product)]
        assert len(winners) == 1, round_number
        assert sum(isinstance(each, Aborted) for each in results) == 49
        assert await store.get(product.id) == pack(winners[0])
        product = winners[0]


async def test_fifty_concurrent_creations_of_one_sku_make_one_product(store: Store) -> None:
    results = await asyncio.gather(
        *(create(store, "A", price_minor=number) for number in range(50)), return_exceptions=True
    )
    winners = [each for each in results if isinstance(each, Product)]
    assert len(winners) == 1
    assert sum(isinstance(each, AlreadyExists) for each in results) == 49
    assert await everything(store) == winners


async def test_one_request_sent_fifty_times_at_once_creates_one_product(store: Store) -> None:
    request = CreateRequest("6f1e9b8e-4d0c-4d8e-9a59-0c3f6a2b7d11", b"digest")
    results = await asyncio.gather(*(store.create(draft("A"), request, NOW) for _ in range(50)))
    assert len(set(results)) == 1
    assert await everything(store) == results[:1]


async def test_a_batch_inserts_updates_and_leaves_alone_what_is_equal(store: Store) -> None:
    old = await create(store, "A")
    same = await create(store, "B", price_minor=7)
    result = await store.import_batch(batch("b1", "A", "B", "C", price_minor=7), LATER)
    assert counts(result) == (1, 2, 1)
    by_sku = {each.sku: each for each in await everything(store)}
    assert by_sku["A"].id == old.id
    assert (by_sku["A"].create_time, by_sku["A"].update_time) == (NOW, LATER)
    assert by_sku["B"] == same
    assert by_sku["C"].create_time == LATER


async def test_each_change_of_a_batch_has_a_revision_of_its_own(store: Store) -> None:
    await store.import_batch(batch("b1", *"ABCDE"), NOW)
    await store.import_batch(batch("b2", *"CDEFG", price_minor=7), NOW)
    revisions = [each.revision for each in await everything(store)]
    assert revisions == sorted(set(revisions))
    assert len(revisions) == 7
    assert await store.revision() >= revisions[-1]


async def test_a_repeated_batch_gets_its_first_result_and_changes_nothing(store: Store) -> None:
    rejected = [Rejection(1, "sku", "must be good")]
    sent = Batch("b1", b"rows", [draft("A")], rejected)
    first = await store.import_batch(sent, NOW)
    await store.import_batch(batch("b2", "A", price_minor=7), LATER)
    again = await store.import_batch(sent, LATER)
    assert not first.is_repeated
    assert again.is_repeated
    assert counts(again) == counts(first) == (1, 0, 0)
    assert again.rejections == rejected
    assert (await everything(store))[0].price_minor == 7


async def test_a_batch_id_with_other_rows_is_refused_and_changes_nothing(store: Store) -> None:
    await store.import_batch(batch("b1", "A"), NOW)
    before = await everything(store)
    with pytest.raises(FailedPrecondition) as refused:
        await store.import_batch(batch("b1", "B", digest=b"other"), NOW)
    assert refused.value.metadata["field"] == "batch_id"
    assert await everything(store) == before


async def test_a_batch_of_rejected_rows_alone_is_remembered_too(store: Store) -> None:
    sent = Batch("b1", b"rows", [], [Rejection(0, "name", "must be good")])
    assert counts(await store.import_batch(sent, NOW)) == (0, 0, 0)
    again = await store.import_batch(sent, NOW)
    assert again.is_repeated
    assert again.rejections == sent.rejections


async def test_the_same_batch_sent_twice_at_once_is_applied_once(store: Store) -> None:
    sent = batch("b1", *(f"S{number}" for number in range(100)))
    results = await asyncio.gather(*(store.import_batch(sent, NOW) for _ in range(10)))
    assert [counts(each) for each in results] == [(100, 0, 0)] * 10
    assert sorted(each.is_repeated for each in results) == [False] + [True] * 9
    assert len(await everything(store)) == 100


async def test_concurrent_imports_of_overlapping_skus_hold_each_product_once(store: Store) -> None:
    """In opposite orders, which deadlocks where rows are locked as they come."""
    skus = [f"S{number}" for number in range(60)]
    results = await asyncio.gather(
        *(
            store.import_batch(
                batch(f"b{number}", *skus[number : number + 30][::direction], price_minor=number),
                NOW,
            )
            for number in range(30)
            for direction in (1 if number % 2 else -1,)
        )
    )
    stored = await everything(store)
    assert sorted(each.sku for each in stored) == sorted(skus[:59])
    assert sum(each.inserted for each in results) == 59
    assert sum(each.inserted + each.updated for each in results) == 30 * 30
    assert len({each.revision for each in stored}) == 59


async def test_writes_of_all_kinds_at_once_leave_a_history_in_order(store: Store) -> None:
    products = [await create(store, f"P{number}") for number in range(20)]
    await asyncio.gather(
        *(store.update(each.id, None, {"price_minor": 7}, NOW) for each in products[:10]),
        *(store.delete(each.id, None, NOW) for each in products[10:]),
        *(create(store, f"Q{number}") for number in range(10)),
        store.import_batch(batch("b1", *(f"R{number}" for number in range(10))), NOW),
    )
    changes = await store.changes(0, 0, 1000)
    revisions = [each.revision for each in changes.changes]
    assert revisions == sorted(set(revisions))
    assert len(revisions) == 40
    assert changes.revision == await store.revision()


async def test_changes_come_in_pieces_that_miss_nothing(store: Store) -> None:
    for number in range(7):
        await create(store, f"A{number}")
    await store.delete(2, None, NOW)
    await store.delete(5, None, NOW)
    seen = []
    reached, complete = 0, False
    while not complete:
        part = await store.changes(reached, 0, 2)
        assert len(part.changes) <= 2
        seen += [(each.revision, each.product_id, each.message is None) for each in part.changes]
        reached, complete = part.revision, part.is_complete
    assert seen == [
        (1, 1, False),
        (3, 3, False),
        (4, 4, False),
        (6, 6, False),
        (7, 7, False),
        (8, 2, True),
        (9, 5, True),
    ]
    assert reached == 9


async def test_old_deletions_may_be_left_out(store: Store) -> None:
    await create(store, "A")
    await store.delete(1, None, NOW)
    assert (await store.changes(0, 2, 10)).changes == []
    assert len((await store.changes(0, 1, 10)).changes) == 1


async def test_what_is_old_is_forgotten_and_what_is_new_is_kept(store: Store) -> None:
    for number in range(3):
        request = CreateRequest(f"6f1e9b8e-4d0c-4d8e-9a59-0c3f6a2b7d1{number}", b"digest")
        await store.create(draft(f"A{number}"), request, NOW + number)
        await store.import_batch(batch(f"b{number}", f"B{number}"), NOW + number)
    assert await store.purge(NOW + 2, 1) == 2
    assert await store.purge(NOW + 2, 10) == 2
    assert await store.purge(NOW + 2, 10) == 0
    assert (await store.import_batch(batch("b2", "B2"), NOW)).is_repeated
    assert not (await store.import_batch(batch("b0", "B0"), NOW)).is_repeated
    assert len(await everything(store)) == 6


async def test_a_failed_write_beside_others_fails_alone(store: Store) -> None:
    await create(store, "A")
    results = await asyncio.gather(
        create(store, "B"), create(store, "A"), create(store, "C"), return_exceptions=True
    )
    assert [isinstance(each, DomainError) for each in results] == [False, True, False]
    assert {each.sku for each in await everything(store)} == {"A", "B", "C"}


async def test_the_products_are_counted_whatever_is_written(store: Store) -> None:
    first = await create(store, "A")
    await store.import_batch(batch("b1", *"ABCD"), NOW)
    await store.import_batch(batch("b1", *"ABCD"), NOW)
    await store.delete(first.id, None, NOW)
    with pytest.raises(AlreadyExists):
        await create(store, "B")
    extent = await store.extent()
    assert extent.products == len(await everything(store)) == 3
    assert extent.revision == await store.revision()
