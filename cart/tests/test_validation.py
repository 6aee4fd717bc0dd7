"""What a client may send, rule by rule."""

import pytest

from cart.model import ItemIssue
from cart.tests.examples import proposal
from cart.validation import check_change, check_item_id, check_items, sort_out
from runtime.errors import InvalidArgument


@pytest.mark.parametrize("quantity", [-(2**31), -1, 0, 10_000, 2**31 - 1])
def test_a_quantity_is_1_to_9999(quantity: int) -> None:
    wanted, rejected = sort_out([proposal(quantity=quantity), proposal(quantity=9_999)])
    assert [each.place for each in wanted] == [1]
    assert rejected == [(0, ItemIssue.INVALID, "quantity", "must be 1 to 9,999")]


@pytest.mark.parametrize("product_id", [0, -1, -(2**63)])
def test_a_product_is_1_or_greater(product_id: int) -> None:
    _, rejected = sort_out([proposal(product_id), proposal(2**63 - 1)])
    assert rejected == [(0, ItemIssue.INVALID, "product_id", "must be 1 or greater")]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("", ""),
        ("red", "red"),
        ("  dark red\u3000", "dark red"),
        ("x" * 40, "x" * 40),
        (" " * 50 + "茶" * 40, "茶" * 40),
        ("🟥", "🟥"),
    ],
)
def test_a_color_is_kept_without_the_blanks_around_it(sent: str, kept: str) -> None:
    wanted, rejected = sort_out([proposal(color=sent)])
    assert [each.color for each in wanted] == [kept]
    assert rejected == []


@pytest.mark.parametrize("sent", [" ", "\u3000", "x" * 41, "a\x00b", "red\n", "\x7f", "\x9f"])
def test_a_color_that_breaks_the_rule_is_rejected(sent: str) -> None:
    _, rejected = sort_out([proposal(color=sent)])
    rule = "must be up to 40 characters, not blank, none a control character"
    assert rejected == [(0, ItemIssue.INVALID, "color", rule)]


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("", ""),
        ("summer-24_x", "SUMMER-24_X"),
        ("X" * 40, "X" * 40),
        ("X" * 41, None),
        ("a b", None),
        ("\u0131", None),
        ("ß", None),
    ],
)
def test_a_code_is_taken_in_upper_case_where_it_can_be_one(sent: str, code: str | None) -> None:
    wanted, rejected = sort_out([proposal(code=sent)])
    assert [each.code for each in wanted] == [code]
    assert rejected == []


def test_of_an_item_that_breaks_several_rules_the_first_is_told() -> None:
    _, rejected = sort_out([proposal(0, 0, color=" ")])
    assert [each.field for each in rejected] == ["product_id"]


@pytest.mark.parametrize(
    ("count", "least", "rule"),
    [
        (0, 1, "must be 1 to 1,000 items"),
        (1_001, 1, "must be 1 to 1,000 items"),
        (1_001, 0, "must be up to 1,000 items"),
    ],
)
def test_only_so_many_items_are_taken(count: int, least: int, rule: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        check_items(count, least, 1_000)
    assert [str(each) for each in refused.value.violations] == [f"items: {rule}"]
    check_items(1_000, least, 1_000)
    check_items(least, least, 1_000)


def test_a_change_tells_all_that_is_wrong_with_it() -> None:
    with pytest.raises(InvalidArgument) as refused:
        check_change(0, 10_000)
    assert [str(each) for each in refused.value.violations] == [
        "item_id: must be 1 or greater",
        "quantity: must be 1 to 9,999; RemoveItem takes the item out",
    ]
    check_change(2**63 - 1, 9_999)


def test_the_id_of_an_item_is_1_or_greater() -> None:
    with pytest.raises(InvalidArgument):
        check_item_id(0)
    check_item_id(1)
