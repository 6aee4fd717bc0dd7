"""From the start of the product server's process to its health check's SERVING."""

import time
from collections.abc import Sequence
from functools import partial
from itertools import count
from pathlib import Path

from bench.benchmark import Options
from bench.measure import Figure, Run, Series, in_turns
from bench.product_server import product_server


async def run(options: Options) -> Sequence[Figure]:
    """Measure the first start, which makes the catalogue, and a start on one that is there."""
    numbers = count()
    again = options.folder / "again"
    await _start(again)

    async def first() -> float:
        return await _start(options.folder / f"first-{next(numbers)}")

    runs: dict[str, Run[float]] = {"first": first, "again": partial(_start, again)}
    reached = await in_turns(runs, options.rounds, options.report)
    return [
        Figure(f"product server's start, {name}", Series("server", "s", seconds))
        for name, seconds in reached.items()
    ]


async def _start(folder: Path) -> float:
    begin = time.perf_counter()
    async with product_server(folder):
        return time.perf_counter() - begin
