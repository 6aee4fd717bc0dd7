"""Starting in order, restarting, ending in order."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.testing.waiting import eventually
from tools.shop.keeper import Backoff, Timing
from tools.shop.part import Part
from tools.shop.probe import ProbeError, get
from tools.shop.status import State

type Make = Callable[..., Part]
type Watch = Callable[..., Any]


def order(seen: list[tuple[str, State]], state: State) -> list[str]:
    return [name for name, each in seen if each is state]


async def test_each_part_starts_when_what_it_needs_is_healthy(watch: Watch, part: Make) -> None:
    shop = watch(part("c", needs=["a", "b"]), part("b", needs=["a"]), part("a"))
    async with shop.supervisor.running():
        await shop.until_state("c", State.HEALTHY)
    seen = shop.seen
    assert order(seen, State.STARTING) == ["a", "b", "c"]
    for before, after in (("a", "b"), ("b", "c")):
        healthy = seen.index((before, State.HEALTHY))
        assert healthy < seen.index((after, State.STARTING))


async def test_parts_end_when_nothing_that_needs_them_runs(watch: Watch, part: Make) -> None:
    shop = watch(part("a"), part("b", needs=["a"]), part("c", needs=["b"]))
    async with shop.supervisor.running():
        await shop.until_state("c", State.HEALTHY)
    assert order(shop.seen, State.STOPPED) == ["c", "b", "a"]
    assert shop.seen.index(("c", State.STOPPED)) < shop.seen.index(("b", State.STOPPING))
    assert [status.exit_code for status in shop.supervisor.statuses] == [0, 0, 0]


async def test_a_part_that_dies_is_started_again(watch: Watch, part: Make) -> None:
    shop = watch(part("a"))
    async with shop.supervisor.running():
        await shop.until_state("a", State.HEALTHY)
        status = shop.status("a")
        first = status.pid
        os.kill(first, signal.SIGKILL)
        await shop.until_state("a", State.BACKOFF)
        await shop.until_state("a", State.HEALTHY)
        assert status.pid != first
        assert status.restarts == 1
        assert status.last_error.text == "killed by SIGKILL"


async def test_the_last_words_of_a_part_that_dies_are_shown(watch: Watch, part: Make) -> None:
    shop = watch(part("a"))
    async with shop.supervisor.running():
        await shop.until_state("a", State.HEALTHY)
        with pytest.raises(ProbeError):
            await get(shop.address("a"), "/die")
        await shop.until_state("a", State.BACKOFF)
        assert shop.status("a").last_error.text == "exited with code 3: dying of purpose"


async def test_a_part_that_always_dies_is_tried_ever_again(watch: Watch, part: Make) -> None:
    shop = watch(part("a", "--die-at-start"))
    async with shop.supervisor.running():
        await shop.until(lambda: shop.status("a").restarts == 4)
    assert "no luck today" in shop.status("a").last_error.text


async def test_a_restarted_part_waits_for_what_it_needs(watch: Watch, part: Make) -> None:
    shop = watch(part("a"), part("b", needs=["a"]))
    async with shop.supervisor.running():
        await shop.until_state("b", State.HEALTHY)
        await get(shop.address("a"), "/unready")
        await shop.until_state("a", State.UNHEALTHY)
        os.kill(shop.status("b").pid, signal.SIGKILL)
        await shop.until_state("b", State.WAITING)
        await get(shop.address("a"), "/ready")
        await shop.until_state("b", State.HEALTHY)
    assert shop.status("a").restarts == 0


async def test_a_part_that_is_not_healthy_any_more_says_why(watch: Watch, part: Make) -> None:
    shop = watch(part("a"))
    async with shop.supervisor.running():
        await shop.until_state("a", State.HEALTHY)
        await get(shop.address("a"), "/unready")
        await shop.until_state("a", State.UNHEALTHY)
        assert shop.status("a").last_error.text == "/readyz: not yet"


async def test_a_part_that_never_becomes_healthy_is_started_again(
    watch: Watch, part: Make, leap: Callable[[float], None]
) -> None:
    shop = watch(part("a", "--never-ready"), timing=Timing(start_timeout=3600, grace=10))
    async with shop.supervisor.running():
        await eventually(lambda: shop.status("a").answer == "/readyz: not yet")
        leap(3600)
        await shop.until_state("a", State.BACKOFF)
        error = shop.status("a").last_error.text
        assert error == "not healthy within 3600 s (/readyz: not yet)"


async def test_a_part_that_is_being_ended_when_the_shop_ends_is_waited_for(
    watch: Watch, part: Make, leap: Callable[[float], None]
) -> None:
    shop = watch(part("a", "--never-ready"), timing=Timing(start_timeout=3600, grace=7200))
    async with shop.supervisor.running():
        await eventually(lambda: shop.status("a").answer == "/readyz: not yet")
        leap(3600)
        await shop.until_state("a", State.STOPPING)
    assert order(shop.seen, State.STOPPED) == ["a"]
    assert (shop.status("a").pid, shop.status("a").exit_code) == (None, 0)


async def test_a_part_that_is_done_is_not_started_again(watch: Watch, part: Make) -> None:
    shop = watch(part("a", done_codes=frozenset({0})), part("b", needs=["a"]))
    async with shop.supervisor.running():
        await shop.until_state("b", State.HEALTHY)
        os.kill(shop.status("a").pid, signal.SIGTERM)
        await shop.until_state("a", State.DONE)
    assert shop.status("a").restarts == 0
    assert shop.status("a").last_error is None


async def test_hurry_kills_what_does_not_end(watch: Watch, part: Make) -> None:
    shop = watch(part("a", "--ignore-sigterm"), timing=Timing(grace=3600))
    async with shop.supervisor.running():
        await shop.until_state("a", State.HEALTHY)
        pressing = asyncio.create_task(hurry_when_stopping(shop))
    await pressing
    assert shop.status("a").killed


async def hurry_when_stopping(shop: Any) -> None:
    await shop.until_state("a", State.STOPPING)
    shop.supervisor.hurry()


async def test_logs_are_in_the_data_folder(watch: Watch, part: Make, tmp_path: Path) -> None:
    shop = watch(part("a", "--log-error"))
    async with shop.supervisor.running():
        await shop.until_state("a", State.HEALTHY)
    assert '"event": "serving"' in (tmp_path / "logs" / "a.log").read_text()
    assert shop.status("a").last_error.text == "something is wrong what=the test says so"


@given(st.integers(min_value=1, max_value=10_000))
def test_pauses_double_up_to_the_cap_with_jitter(failures: int) -> None:
    bound = min(30.0, 0.5 * 2.0 ** min(failures - 1, 50))
    assert bound / 2 <= Backoff(first=0.5, cap=30).pause(failures) <= bound


def test_pauses_differ() -> None:
    assert len({Backoff().pause(5) for _ in range(20)}) > 1
