"""the whole shop of four servers and two workers: its start, its memory, what it costs idle."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import NamedTuple

from bench.benchmark import Options
from bench.measure import MB, Figure, Run, Series, Target, in_turns
from bench.shop import Shop, running_shop

MOST_STARTS = 3
# Until what comes after a start is over: first tokens, watches, the first work of the workers.
SETTLE_SECONDS = 10.0
# The workers begin anew every three seconds by default; an idle one has an hour to wait.
BUSY_SECONDS = 60.0
IDLE_SECONDS = 60.0
IDLE = {"BODEGA_PRODUCT_WORKER_INTERVAL": "1h", "BODEGA_CART_WORKER_INTERVAL": "1h"}


class Start(NamedTuple):
    """What it took until all parts were healthy."""

    seconds: float
    cpu_seconds: float


class Use(NamedTuple):
    """What the parts used together, and the supervisor beside them, in % of one core."""

    parts: float
    supervisor: float


async def run(options: Options) -> Sequence[Figure]:
    """Start it in turns as after a build and once more; then let it work, and let it be idle."""
    numbers = count()
    again = options.folder / "again"
    await _start(again)

    async def first() -> Start:
        return await _start(options.folder / f"first-{next(numbers)}")

    runs: dict[str, Run[Start]] = {"first": first, "again": partial(_start, again)}
    starts = await in_turns(runs, min(options.rounds, MOST_STARTS), options.report)
    return [
        *_start_figures(starts),
        *await _busy(options, again),
        *await _idle(options, again),
    ]


async def _start(folder: Path) -> Start:
    begin = time.perf_counter()
    async with running_shop(folder) as shop:
        return Start(time.perf_counter() - begin, _cpu_seconds(shop))


def _start_figures(starts: Mapping[str, Sequence[Start]]) -> list[Figure]:
    return [
        figure
        for name, values in starts.items()
        for figure in (
            _figure(
                f"all healthy, {name} start",
                "s",
                *(each.seconds for each in values),
                target=Target("below", 8),
            ),
            _figure(f"CPU until then, {name} start", "s", *(each.cpu_seconds for each in values)),
        )
    ]


async def _busy(options: Options, folder: Path) -> list[Figure]:
    """Let the workers work as they do by default."""
    options.report("working")
    async with running_shop(folder) as shop:
        await asyncio.sleep(SETTLE_SECONDS)
        use = await _use(shop, BUSY_SECONDS)
        processes = shop.processes.values()
        resident = sum(process.memory.resident() for process in processes)
        share = sum(process.memory.proportional() for process in processes)
        peak = sum(process.memory.peak() for process in processes)
    return [
        _figure("memory (RSS) of all parts", "MB", resident / MB, target=Target("below", 650)),
        _figure("the same, each at its peak", "MB", peak / MB),
        _figure("the same, shared pages once (PSS)", "MB", share / MB, target=Target("below", 430)),
        _figure("CPU of all parts, working", "% of a core", use.parts),
        _figure("CPU of the supervisor beside them", "% of a core", use.supervisor),
    ]


async def _idle(options: Options, folder: Path) -> list[Figure]:
    """Let the workers wait."""
    options.report("idle")
    async with running_shop(folder, env=IDLE) as shop:
        await asyncio.sleep(SETTLE_SECONDS)
        use = await _use(shop, IDLE_SECONDS)
    few = Target("below", 5)
    return [_figure("CPU of all parts, workers idle", "% of a core", use.parts, target=few)]


async def _use(shop: Shop, seconds: float) -> Use:
    begin, parts, supervisor = time.perf_counter(), _cpu_seconds(shop), time.process_time()
    await asyncio.sleep(seconds)
    parts, supervisor = _cpu_seconds(shop) - parts, time.process_time() - supervisor
    percent = 100 / (time.perf_counter() - begin)
    return Use(parts * percent, supervisor * percent)


def _cpu_seconds(shop: Shop) -> float:
    return sum(process.cpu_seconds() for process in shop.processes.values())


def _figure(name: str, unit: str, *values: float, target: Target | None = None) -> Figure:
    return Figure(name, Series("shop", unit, values), None, target)
