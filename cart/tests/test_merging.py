"""How the items of a batch come to stand in a cart."""

from collections import Counter
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cart.model import Draft, ItemIssue, Line, LineKey
from cart.pricing.money import totals_of
from cart.store.merging import Merged, merge
from cart.tests.examples import CUP, POT, TEA, draft
from cart.validation import MAX_LINES, MAX_QUANTITY

# Few keys, and sums that stay below every limit.
drafts = st.builds(
    draft,
    st.integers(0, 999),
    st.sampled_from([TEA, CUP, POT]),
    st.integers(1, 100),
    color=st.sampled_from(["", "red"]),
    list_minor=st.sampled_from([250, 251]),
    discount_code=st.sampled_from(["", "TENTH"]),
    discount_minor=st.sampled_from([0, 25]),
)
# Few keys, and sums that pass the limit.
many = st.builds(draft, st.integers(0, 999), st.sampled_from([TEA, CUP]), st.integers(1, 9_999))


def line(id_: int, **fields: Any) -> Line:
    return Line(id_, *draft(**fields)[1:])


def quantities(merged: Merged) -> dict[LineKey, int]:
    return {each.key: each.quantity for each in merged.lines}


def test_what_is_there_is_raised_and_what_is_new_gets_the_next_ids() -> None:
    lines = [line(3, product_id=TEA, quantity=2), line(7, product_id=CUP)]
    merged = merge(lines, [draft(product_id=POT), draft(1, TEA, 5), draft(2, POT, 2)], 8)
    assert merged.raised == [lines[0]._replace(quantity=7)]
    assert [(each.id, each.product_id, each.quantity) for each in merged.new] == [(8, POT, 3)]
    assert merged.lines == [*merged.raised, lines[1], *merged.new]
    assert merged.rejected == []


def test_a_line_keeps_the_name_under_which_it_was_added() -> None:
    lines = [line(1, sku="OLD", name="Old")]
    merged = merge(lines, [draft(sku="NEW", name="New")], 2)
    assert merged.lines == [lines[0]._replace(quantity=2)]


@given(st.lists(drafts, max_size=30), st.randoms(use_true_random=False))
def test_no_order_of_items_changes_the_quantities_or_the_totals(
    batch: list[Draft], dice: Any
) -> None:
    shuffled = [*batch]
    dice.shuffle(shuffled)
    one, other = merge([], batch, 1), merge([], shuffled, 1)
    assert quantities(one) == quantities(other)
    assert totals_of(one.lines) == totals_of(other.lines)


@given(st.lists(drafts, max_size=30), st.lists(st.integers(0, 30), max_size=5))
def test_no_split_into_batches_changes_what_is_in_the_cart(
    batch: list[Draft], cuts: list[int]
) -> None:
    whole = merge([], batch, 1)
    lines: list[Line] = []
    for begin, end in pairwise(sorted({0, *cuts, len(batch)})):
        lines = merge(lines, batch[begin:end], len(lines) + 1).lines
    assert lines == whole.lines


@given(st.lists(many, max_size=20))
def test_the_item_that_would_pass_the_limit_is_rejected_alone(batch: list[Draft]) -> None:
    merged = merge([], batch, 1)
    refused = {each.place for each in merged.rejected}
    kept: Counter[LineKey] = Counter()
    for each in batch:
        fits = kept[each.key] + each.quantity <= MAX_QUANTITY
        kept[each.key] += each.quantity if fits else 0
        assert fits or each.place in refused
    assert +kept == Counter(quantities(merged))
    assert all(each.issue is ItemIssue.QUANTITY_LIMIT for each in merged.rejected)
    assert all(each.field == "quantity" for each in merged.rejected)


def test_a_quantity_may_reach_the_limit() -> None:
    merged = merge([line(1, quantity=9_998)], [draft(), draft(1)], 2)
    assert [each.quantity for each in merged.lines] == [9_999]
    assert [(each.place, each.rule) for each in merged.rejected] == [
        (1, "would make 10,000 of the item in the cart: 9,999 at most")
    ]


def test_a_full_cart_takes_more_of_what_it_has_and_nothing_else() -> None:
    lines = [line(number, product_id=number) for number in range(1, MAX_LINES)]
    batch = [draft(0, 1_000), draft(1, 1_001), draft(2, 1), draft(3, 1_000)]
    merged = merge(lines, batch, MAX_LINES)
    assert len(merged.lines) == MAX_LINES
    assert [(each.place, each.issue) for each in merged.rejected] == [(1, ItemIssue.CART_FULL)]
    assert [each.quantity for each in merged.raised] == [2]
    assert [each.quantity for each in merged.new] == [2]


@given(
    st.lists(
        st.builds(
            draft,
            st.integers(0, 999),
            st.sampled_from([TEA, CUP, POT]),
            st.integers(1, 100),
            currency=st.sampled_from(["EUR", "JPY", "USD"]),
        ),
        max_size=20,
    ),
    st.sampled_from(["", "EUR", "JPY"]),
)
def test_whatever_comes_a_cart_is_in_one_currency_and_the_rest_is_rejected_alone(
    batch: list[Draft], before: str
) -> None:
    lines = [line(1, product_id=9, currency=before)] if before else []
    merged = merge(lines, batch, 2)
    currency = before or next((each.currency for each in batch), "")
    assert {each.currency for each in merged.lines} <= {currency}
    strangers = [each.place for each in batch if each.currency != currency]
    assert [each.place for each in merged.rejected] == strangers
    assert {each.issue for each in merged.rejected} <= {ItemIssue.CURRENCY_MISMATCH}
    kept = sum(each.quantity for each in batch if each.currency == currency)
    assert totals_of(merged.lines).units == kept + len(lines)


def test_the_first_good_item_gives_an_empty_cart_its_currency() -> None:
    batch = [draft(0, 5, currency="JPY"), draft(1), draft(2, 6, currency="JPY")]
    merged = merge([], batch, 1)
    assert [each.product_id for each in merged.lines] == [5, 6]
    assert [(each.place, each.issue, each.rule) for each in merged.rejected] == [
        (1, ItemIssue.CURRENCY_MISMATCH, "is priced in EUR, and the cart is in JPY")
    ]


def test_a_cart_keeps_its_currency() -> None:
    merged = merge([line(1)], [draft(0, 5, currency="JPY")], 2)
    assert [each.issue for each in merged.rejected] == [ItemIssue.CURRENCY_MISMATCH]
    assert not merged.new
