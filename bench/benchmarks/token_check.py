"""GetProduct that checks a token seen before, to GetProduct that ignores it."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial

from bench.against_echo import WARM_UP_REQUESTS, Reached, Side
from bench.benchmark import Options
from bench.benchmarks.get_product import product_side
from bench.measure import Figure, Series, Target, in_turns
from bench.product_server import product_server
from bench.served import free_port

PROGRAM = "bench.guarded_server"
LIMIT = Target("below", 1.4)


async def run(options: Options) -> Sequence[Figure]:
    """Measure both engines: a token that is checked, one that is ignored, and none."""
    async with AsyncExitStack() as stack:
        sides: dict[str, Side] = {}
        for engine in ("native", "grpcio"):
            unguarded = f"127.0.0.1:{free_port()}"
            server = await stack.enter_async_context(
                product_server(options.folder / engine, engine, PROGRAM, "--open-listen", unguarded)
            )
            checked = await product_side(options, server)
            checked.token = server.token
            # All three share the check, which counts the calls of the whole process.
            ignored = replace(checked, process=replace(server.process, address=unguarded))
            sides[f"{engine} checked"] = checked
            sides[f"{engine} ignored"] = ignored
            sides[f"{engine} none"] = replace(ignored, token=None)
        for side in sides.values():
            await side.load(options, WARM_UP_REQUESTS)
        runs = {name: partial(side.run, options) for name, side in sides.items()}
        reached = await in_turns(runs, options.rounds, options.report)
    return [figure for engine in ("native", "grpcio") for figure in _figures(reached, engine)]


def _figures(reached: dict[str, tuple[Reached, ...]], engine: str) -> list[Figure]:
    def rates(case: str) -> Series:
        values = tuple(each.rate for each in reached[f"{engine} {case}"])
        return Series(case, "calls/s", values)

    def cpu(case: str) -> Series:
        values = tuple(each.cpu_micros for each in reached[f"{engine} {case}"])
        return Series(case, "µs", values)

    checked, ignored, none = "checked", "ignored", "none"
    return [
        Figure(f"GetProduct {engine}, token checked, to ignored", rates(checked), rates(ignored)),
        Figure(f"CPU a call {engine}, the same", cpu(checked), cpu(ignored), LIMIT),
        Figure(f"GetProduct {engine}, token checked, to none sent", rates(checked), rates(none)),
    ]
