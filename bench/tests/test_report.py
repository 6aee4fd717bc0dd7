import io
import json

import pytest
from rich.console import Console

from bench import report
from bench.machine import Machine
from bench.measure import Figure, Series, Target

MET = Figure(
    "GetProduct",
    Series("native", "calls/s", (20_000.0, 21_000.0)),
    Series("echo", "calls/s", (5_000.0, 5_000.0)),
    Target("at least", 3.0),
)
MISSED = Figure("memory", Series("server", "MB", (250.0,)), target=Target("below", 200))
MACHINE = Machine(2, "EPYC", "6.1", "3.14.0", "1.85.1", "ext4", 0.1)


def _printed(*figures: Figure) -> str:
    out = io.StringIO()
    Console(file=out, width=140).print(report.table({"benchmark": figures}))
    return out.getvalue()


def test_a_ratio_is_printed_with_both_sides_its_spread_and_its_target() -> None:
    line = next(line for line in _printed(MET).splitlines() if "GetProduct" in line)
    cells = [cell for cell in line.split("  ") if cell]
    assert [cell.strip() for cell in cells] == [
        "GetProduct",
        "20,500 calls/s",
        "5,000",
        "4.1 x",
        "4 … 4.2",
        "≥ 3 x",
        "met",
    ]


def test_a_missed_target_is_said() -> None:
    assert "missed" in _printed(MISSED)
    assert "missed" not in _printed(MET)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.42149, "0.421"),
        (17.26, "17.3"),
        (99.96, "100"),
        (21_349.0, "21,300"),
        (1_234_567.0, "1,230,000"),
        (0.0, "0"),
    ],
)
def test_a_number_has_three_significant_digits(value: float, text: str) -> None:
    assert report.number(value) == text


def test_json_holds_every_round_and_the_verdict() -> None:
    found = json.loads(json.dumps(report.as_json(MACHINE, {"x": [MET, MISSED]})))
    met, missed = found["benchmarks"]["x"]
    assert met["rounds"] == [4.0, 4.2]
    assert met["against"]["rounds"] == [5_000.0, 5_000.0]
    assert met["met"] is True
    assert missed["target"] == {"below": 200}
    assert missed["met"] is False
    assert found["machine"]["cores"] == 2


def test_a_busy_machine_and_a_folder_in_memory_are_pointed_out() -> None:
    busy = Machine(2, "EPYC", "6.1", "3.14.0", "1.85.1", "tmpfs", 7.5)
    assert len(busy.notes()) == 2
    assert MACHINE.notes() == []
