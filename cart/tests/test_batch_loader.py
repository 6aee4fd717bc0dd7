import asyncio
from collections.abc import Mapping

import pytest

from cart.pricing.batch_loader import Fetch, Lookup
from cart.pricing.metrics import LookupCounts
from cart.pricing.ttl_cache import Answer
from runtime.errors import Unavailable
from runtime.reason import Reason

UNANSWERED = Unavailable("no answer", reason=Reason.UPSTREAM_TIMEOUT)
COUNTS = LookupCounts("test")


def lookup(fetch: Fetch[str, int], size: int = 100) -> Lookup[str, int]:
    return Lookup(fetch, unanswered=UNANSWERED, counts=COUNTS, size=size)


def answering(life: float, asked: list[list[str]]) -> Fetch[str, int]:
    async def fetch(keys: list[str]) -> Mapping[str, Answer[int]]:
        asked.append(keys)
        return {key: Answer(len(key), life) for key in keys}

    return fetch


async def test_a_key_without_an_answer_is_missing_and_the_others_are_there() -> None:
    async def fetch(keys: list[str]) -> Mapping[str, Answer[int]]:
        return {"a": Answer(1, 10)}

    both = lookup(fetch)
    found = await both.get(["a", "b"])
    assert found.values == {"a": 1}
    assert found.failure is UNANSWERED
    assert (await both.get(["a"])).failure is None


@pytest.mark.parametrize("life", [0, -1])
async def test_an_answer_without_a_life_is_given_once(life: float) -> None:
    asked: list[list[str]] = []
    made = lookup(answering(life, asked))
    for _ in range(2):
        assert (await made.get(["a"])).values == {"a": 1}
    assert asked == [["a"], ["a"]]


async def test_an_unforeseen_error_reaches_all_who_wait_and_is_not_kept() -> None:
    errors: list[Exception] = [ValueError("a bug")]

    async def fetch(keys: list[str]) -> Mapping[str, Answer[int]]:
        if errors:
            raise errors.pop()
        return {key: Answer(1, 10) for key in keys}

    made = lookup(fetch)
    results = await asyncio.gather(made.get("a"), made.get("a"), return_exceptions=True)
    assert [type(each) for each in results] == [ValueError, ValueError]
    assert (await made.get("a")).values == {"a": 1}


async def test_a_failure_of_one_part_leaves_the_others() -> None:
    async def fetch(keys: list[str]) -> Mapping[str, Answer[int]]:
        if "bad" in keys:
            raise Unavailable("away", reason=Reason.UPSTREAM_UNAVAILABLE)
        return {key: Answer(1, 10) for key in keys}

    made = lookup(fetch, size=1000)
    keys = [*map(str, range(200)), "bad"]
    found = await made.get(keys)
    assert found.values.keys() == set(keys[:200])
    assert found.failure is not None
    assert found.failure.reason == "UPSTREAM_UNAVAILABLE"


async def test_closing_gives_up_what_is_under_way() -> None:
    began, given_up = asyncio.Event(), asyncio.Event()

    async def fetch(keys: list[str]) -> Mapping[str, Answer[int]]:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()
        return {}

    made = lookup(fetch)
    waiting = asyncio.create_task(made.get("a"))
    await began.wait()
    await made.close()
    assert given_up.is_set()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_who_asks_after_a_key_is_forgotten_does_not_join_who_asked_before() -> None:
    gates = [asyncio.Event(), asyncio.Event()]
    answers = iter([1, 2])
    began = asyncio.Semaphore(0)

    async def fetch(keys: list[str]) -> Mapping[str, Answer[int]]:
        number = next(answers)
        began.release()
        await gates[number - 1].wait()
        return {"a": Answer(number, 10)}

    made = lookup(fetch)
    first = asyncio.create_task(made.get("a"))
    await began.acquire()
    made.forget("a")
    second = asyncio.create_task(made.get("a"))
    await began.acquire()
    gates[1].set()
    assert (await second).values == {"a": 2}
    gates[0].set()
    assert (await first).values == {"a": 1}
    assert (await made.get("a")).values == {"a": 2}
