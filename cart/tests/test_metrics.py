from prometheus_client import REGISTRY

from cart.metrics import count_items
from cart.model import BatchResult, ItemIssue, Notice


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"bodega_cart_{name}_total", labels) or 0


def values() -> list[float]:
    outcomes = [value("items", outcome=each) for each in ("added", "rejected")]
    issues = ("INVALID", "CART_FULL", "DISCOUNT_UNKNOWN")
    return outcomes + [value("item_issues", issue=each) for each in issues]


def test_items_are_counted_by_outcome_and_what_is_said_of_them_by_issue() -> None:
    before = values()
    invalid = Notice(0, ItemIssue.INVALID, "quantity", "must be 1 to 9,999")
    full = Notice(1, ItemIssue.CART_FULL, "product_id", "the cart is full")
    warning = Notice(2, ItemIssue.DISCOUNT_UNKNOWN, "discount_code", "there is no such code")
    count_items(BatchResult(3, [invalid, full, full], [warning]))
    assert [new - old for new, old in zip(values(), before, strict=True)] == [3, 3, 1, 2, 1]
