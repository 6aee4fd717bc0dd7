import itertools

import pytest

from product.model import BadPrice, Draft, Filter, Proposal
from product.validation import (
    check_batch,
    check_filter,
    check_ids,
    check_mask,
    sort_out,
    violations,
)
from runtime.errors import FieldViolation, InvalidArgument
from runtime.money import Money

GOOD = Proposal("SKU-1", "Tea", "Green.\nLoose.", Money("EUR", 250), 1)


def test_a_good_product_breaks_no_rule() -> None:
    assert list(violations(GOOD)) == []


@pytest.mark.parametrize("sku", ["", "a b", "ü", "a/b", "x" * 65, "a\n"])
def test_a_bad_sku_is_named(sku: str) -> None:
    assert [each.field for each in violations(GOOD._replace(sku=sku))] == ["sku"]


@pytest.mark.parametrize("name", ["", " ", "  ", "a\nb", "a\0b", "x" * 201, "\x7f"])
def test_a_bad_name_is_named(name: str) -> None:
    assert [each.field for each in violations(GOOD._replace(name=name))] == ["name"]


@pytest.mark.parametrize("name", ["x" * 200, "日本茶", "🍵", " padded "])
def test_a_name_may_be_of_any_letters(name: str) -> None:
    assert list(violations(GOOD._replace(name=name))) == []


@pytest.mark.parametrize("description", ["x" * 4001, "a\0", "\x1b[31m", "\x9f"])
def test_a_bad_description_is_named(description: str) -> None:
    assert [each.field for each in violations(GOOD._replace(description=description))] == [
        "description"
    ]


@pytest.mark.parametrize("description", ["", "x" * 4000, "a\tb\r\nc"])
def test_a_description_may_be_empty_and_have_lines(description: str) -> None:
    assert list(violations(GOOD._replace(description=description))) == []


@pytest.mark.parametrize("status", [0, 4, -1])
def test_a_bad_status_is_named(status: int) -> None:
    assert [each.field for each in violations(GOOD._replace(status=status))] == ["status"]


def test_all_violations_of_a_product_are_told_at_once() -> None:
    bad_price = BadPrice("XXX", 1, 0, (FieldViolation("price.currency_code", "unknown"),))
    bad = Proposal("", "", "\0", bad_price, 0)
    assert [each.field for each in violations(bad)] == [
        "sku",
        "name",
        "description",
        "price.currency_code",
        "status",
    ]


def test_only_the_fields_asked_for_are_looked_at() -> None:
    bad = Proposal("", "", "\0", Money("EUR", 1), 0)
    assert [each.field for each in violations(bad, ["status"])] == ["status"]


def test_a_batch_keeps_its_good_rows_and_rejects_each_bad_one_once() -> None:
    rows = [GOOD, GOOD._replace(sku="", name=""), GOOD._replace(sku="SKU-2"), GOOD]
    drafts, rejections = sort_out(rows)
    assert drafts == [
        Draft("SKU-1", "Tea", "Green.\nLoose.", "EUR", 250, 1),
        Draft("SKU-2", "Tea", "Green.\nLoose.", "EUR", 250, 1),
    ]
    assert [(each.row, each.field) for each in rejections] == [(1, "sku"), (3, "sku")]
    assert rejections[1].rule == "must not stand twice in a batch"


def test_a_batch_rejects_by_the_same_rules_as_a_single_product() -> None:
    texts = ["", " ", "Tea", "日本茶", "a b", "a\nb", "a\0", "\x9f", "\xa0", "x" * 65, "x" * 4001]
    bad_price = BadPrice("X", 1, 0, (FieldViolation("price.currency_code", "unknown"),))
    fields = (texts, texts, texts, [Money("EUR", 1), bad_price], [0, 1])
    for proposal in itertools.starmap(Proposal, itertools.product(*fields)):
        _, rejections = sort_out([proposal])
        found = [FieldViolation(each.field, each.rule) for each in rejections]
        assert found == list(violations(proposal))[:1], proposal


@pytest.mark.parametrize(
    ("batch_id", "rows", "field"),
    [
        ("", 1, "batch_id"),
        ("a b", 1, "batch_id"),
        ("x" * 129, 1, "batch_id"),
        ("b", 0, "products"),
        ("b", 1001, "products"),
    ],
)
def test_a_batch_beyond_its_limits_is_refused(batch_id: str, rows: int, field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        check_batch(batch_id, rows)
    assert [each.field for each in refused.value.violations] == [field]


def test_ids_come_back_once_and_in_order() -> None:
    assert check_ids([3, 1, 3, 2]) == [3, 1, 2]


@pytest.mark.parametrize(("ids", "field"), [([], "ids"), ([1] * 201, "ids"), ([1, 0], "ids[1]")])
def test_bad_ids_are_refused(ids: list[int], field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        check_ids(ids)
    assert refused.value.violations[0].field == field


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (Filter(statuses=(0,)), "filter.statuses"),
        (Filter(statuses=(9,)), "filter.statuses"),
        (Filter(statuses=(1, 1, 1, 1)), "filter.statuses"),
        (Filter(currency="EURO"), "filter.currency_code"),
        (Filter(currency="EUR", min_minor=2, max_minor=1), "filter.max_price"),
        (Filter(name_contains="x" * 201), "filter.name_contains"),
        (Filter(name_contains="\0"), "filter.name_contains"),
    ],
)
def test_a_bad_filter_is_refused(asked: Filter, field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        check_filter(asked)
    assert [each.field for each in refused.value.violations] == [field]


def test_equal_filters_have_one_form() -> None:
    assert check_filter(Filter(statuses=(3, 1, 3))) == check_filter(Filter(statuses=(1, 3)))


def test_a_star_in_the_mask_means_all_fields() -> None:
    assert set(check_mask(["*"])) == {"sku", "name", "description", "price", "status"}


@pytest.mark.parametrize("paths", [[], ["id"], ["name", "colour"], ["price.units"], ["Name"]])
def test_a_mask_of_other_fields_is_refused(paths: list[str]) -> None:
    with pytest.raises(InvalidArgument, match="update_mask"):
        check_mask(paths)
