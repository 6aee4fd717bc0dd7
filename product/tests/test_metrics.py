import asyncio
from sqlite3 import DatabaseError

import pytest
from prometheus_client import REGISTRY

from product.metrics import count_import, gauge_for_ever
from product.model import Extent, ImportSummary
from runtime.errors import ResourceExhausted, Unavailable
from runtime.reason import Reason


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"bodega_product_{name}", labels) or 0


async def test_the_gauges_follow_the_catalogue_and_survive_its_absence() -> None:
    answers: list[Extent | Exception] = [
        Extent(revision=9, products=4),
        Unavailable("away", reason=Reason.DATABASE_AWAY),
        ResourceExhausted("busy", reason=Reason.TOO_MANY_QUERIES),
        DatabaseError("malformed"),
        Extent(revision=10, products=5),
    ]
    seen = []

    async def extent() -> Extent:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def wait(_seconds: float) -> None:
        seen.append((value("catalogue_products"), value("catalogue_revision")))
        if not answers:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await gauge_for_ever(extent, wait)
    assert seen == [*[(4, 9)] * 4, (5, 10)]


def test_the_rows_of_an_import_are_counted_by_outcome() -> None:
    outcomes = ("inserted", "updated", "rejected")
    before = [value("imported_rows_total", outcome=each) for each in outcomes]
    count_import(ImportSummary(inserted=3, updated=2, rejected=1))
    after = [value("imported_rows_total", outcome=each) for each in outcomes]
    assert [new - old for new, old in zip(after, before, strict=True)] == [3, 2, 1]
