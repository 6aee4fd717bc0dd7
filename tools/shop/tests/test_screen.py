"""What is drawn."""

import io
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.screen import Screen as FullScreen

from tools.shop.metrics import Histogram, Sample
from tools.shop.part import GrpcHealth, Port
from tools.shop.screen import Screen, View
from tools.shop.status import State, Status
from tools.shop.words import (
    duration_words,
    latency_words,
    rate_words,
    sparkline,
)

type MakeStatus = Callable[..., Status]

NOW = time.monotonic()


def draw(statuses: list[Status], *, width: int = 120, height: int = 30, **fields: Any) -> str:
    shown: dict[str, Any] = {"data": Path("/data"), "up": 75} | fields
    view = View(statuses=statuses, now=NOW, **shown)
    console = Console(width=width, height=height, file=io.StringIO(), legacy_windows=False)
    with console.capture() as captured:
        console.print(FullScreen(Screen(view)), end="")
    return captured.get()


def busy(status: Status) -> Status:
    """Give it ten calls a second that took at most 10 ms, and a count."""
    for second in range(30):
        calls = float(second * 10)
        latency = Histogram((0.01, math.inf), (calls, calls))
        status.history.add(Sample(NOW + second, {"OK": calls}, latency, {"products": 51200}))
    return status


def test_a_healthy_part_shows_its_numbers(make_status: MakeStatus) -> None:
    status = make_status(state=State.HEALTHY, pid=4711, started=NOW - 65)
    drawn = draw([busy(status)])
    assert "all healthy" in drawn
    assert "up 1m 15s" in drawn
    for shown in ("product", "healthy 1m 05s", "10", "5.0 ms", "9.9 ms", "51,200 products"):
        assert shown in drawn
    assert "127.0.0.1:50051 · pid 4711" in drawn
    assert "██" in drawn


def test_a_part_shows_which_of_the_others_it_calls_and_how_often(make_status: MakeStatus) -> None:
    worker = make_status("worker", state=State.HEALTHY)
    for second in range(11):
        made = {"test.v1.Product": second * 2.0, "test.v1.Elsewhere": second * 9.0}
        worker.history.add(Sample(NOW + second, {}, Histogram(), {}, made))
    served = make_status("product")
    ready = GrpcHealth(Port("product", 50051), "test.v1.Product")
    served.part = replace(served.part, ready=ready)
    drawn = draw([worker, served])
    assert "→ product 2.0/s" in drawn
    assert "Elsewhere" not in drawn


def test_a_part_that_is_restarted_shows_when_and_why(make_status: MakeStatus) -> None:
    status = make_status(state=State.BACKOFF, retry_at=NOW + 3, restarts=2)
    status.fail("killed by SIGKILL")
    drawn = draw([status, make_status("other", state=State.HEALTHY)])
    assert "1 of 2 healthy" in drawn
    assert "restart in 3s" in drawn
    assert "✗ killed by SIGKILL" in drawn


def test_a_part_that_starts_shows_what_it_answers(make_status: MakeStatus) -> None:
    drawn = draw([make_status(state=State.STARTING, answer="health check: NOT_SERVING")])
    assert "health check: NOT_SERVING" in drawn


def test_logs_of_all_parts_are_merged_and_of_one_are_its_own(make_status: MakeStatus) -> None:
    one, two = make_status("one"), make_status("two")
    one.log.write(b'{"event":"first","level":"info","x":1}\n')
    two.log.write(b'{"event":"second","level":"error"}\n')
    one.log.write(b'{"event":"third","level":"info"}\n')
    merged = draw([one, two]).partition("log of all parts")[2]
    assert merged.index("first") < merged.index("second") < merged.index("third")
    alone = draw([one, two], log_of=0)
    assert "log of one" in alone
    assert "third" in alone
    assert "two second" not in alone


def test_the_end_is_shown(make_status: MakeStatus) -> None:
    assert "Ctrl-C again kills at once" in draw([make_status()], ending=True)
    assert "12s left" in draw([make_status()], left=12)


def test_a_long_path_does_not_push_out_how_the_shop_is(make_status: MakeStatus) -> None:
    drawn = draw([make_status(state=State.HEALTHY)], width=60, data=Path("/very/long" * 20))
    assert "all healthy" in drawn
    assert "up 1m 15s" in drawn
    assert "…" in drawn.splitlines()[0]


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
@pytest.mark.parametrize("height", [4, 10, 24, 50])
def test_the_screen_is_filled_and_never_overrun(
    make_status: MakeStatus, width: int, height: int
) -> None:
    status = busy(make_status("product-worker", state=State.HEALTHY, started=NOW))
    status.fail("a long error " * 20)
    status.log.write(b"a long line " * 40 + b"\n")
    lines = draw([status, make_status()], width=width, height=height).splitlines()
    assert len(lines) == height
    assert all(cell_len(line) <= width for line in lines)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0s"), (59.9, "59s"), (75, "1m 15s"), (3700, "1h 01m"), (90_000, "1d 01h")],
)
def test_durations_read_well(seconds: float, words: str) -> None:
    assert duration_words(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "-"), (0.0004, "400 µs"), (0.0012, "1.2 ms"), (0.2, "200 ms"), (2.5, "2.5 s")],
)
def test_latencies_read_well(seconds: float | None, words: str) -> None:
    assert latency_words(seconds) == words


@pytest.mark.parametrize(
    ("rate", "words"), [(None, "-"), (0, "0"), (0.25, "0.2"), (12.6, "13"), (12_345, "12,345")]
)
def test_rates_read_well(rate: float | None, words: str) -> None:
    assert rate_words(rate) == words


def test_a_picture_shows_the_newest_values_in_their_proportion() -> None:
    assert sparkline([9, 0, 7, 3.5], 3) == "▁█▅"
    assert sparkline([0, 0], 5) == ""
    assert sparkline([1, 2], 0) == ""
