"""A run in the test's own process, whose clock the test moves."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.testing.waiting import eventually
from tools.shop.part import Part
from tools.shop.ports import choose
from tools.shop.programs import Program
from tools.shop.run import Run
from tools.shop.settings import read_settings

PROGRAM = str(Path(__file__).with_name("program.py"))


async def test_a_part_that_never_becomes_healthy_ends_the_run(
    part: Callable[..., Part],
    tmp_path: Path,
    leap: Callable[[float], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    parts = [part("a", "--never-ready"), part("b")]
    run = Run(
        read_settings(parts, ["--for", "1h", "--start-timeout", "1h"]),
        parts,
        programs=lambda _: Program([sys.executable, PROGRAM], os.environ),
        addresses=choose(parts, "auto", {}),
        data=tmp_path,
    )
    running = asyncio.create_task(run.to_the_end())
    status, _ = run._supervisor.statuses
    await eventually(lambda: status.answer == "/readyz: not yet")
    leap(3600)
    assert await running == 1
    out = capsys.readouterr().out
    assert "a was not healthy within 3600 s: " in out
    assert "/readyz: not yet" in out
