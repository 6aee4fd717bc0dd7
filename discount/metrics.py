"""What is counted of discounts beside the RPCs."""

from collections.abc import Iterable

from prometheus_client import Counter

from discount.model import Answer, State

_LABELS = {state: state.name.lower() for state in State}
_ANSWERS = Counter("bodega_discount_answers", "Codes that were looked up, by state.", ["state"])
_REDEEMED = Counter(
    "bodega_discount_redeemed",
    "Codes that were asked to be redeemed, by what came of it: active is redeemed.",
    ["state"],
)


def count_answers(answers: Iterable[Answer]) -> None:
    """Count codes that were looked up."""
    for answer in answers:
        _ANSWERS.labels(_LABELS[answer.state]).inc()


def count_redeemed(answers: Iterable[Answer]) -> None:
    """Count codes that somebody wanted to redeem."""
    for answer in answers:
        _REDEEMED.labels(_LABELS[answer.state]).inc()
