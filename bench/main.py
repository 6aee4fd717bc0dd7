"""Runs the benchmarks: `bazel run //bench`, `bazel run //bench -- --help`."""

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from types import ModuleType

import uvloop
from rich.console import Console
from rich.status import Status

from bench import report
from bench.benchmark import Options, WrongResultError
from bench.benchmarks import (
    add_items,
    bombs,
    get_cart,
    get_product,
    identity,
    import_products,
    memory,
    shop,
    start,
    stream_products,
    token_check,
    worker_file,
)
from bench.machine import this_machine
from bench.measure import Figure
from runtime import logs

BENCHMARKS: Mapping[str, ModuleType] = {
    "get_product": get_product,
    "get_cart": get_cart,
    "add_items": add_items,
    "token_check": token_check,
    "import_products": import_products,
    "stream_products": stream_products,
    "memory": memory,
    "identity": identity,
    "worker_file": worker_file,
    "bombs": bombs,
    "start": start,
    "shop": shop,
}
SLOW = {"bombs", "memory", "shop"}
MISSED, FAILED, INTERRUPTED = 1, 3, 130
PRINTED_WIDTH = 140

_EPILOG = """\
exit code: 0 measured; 1 a figure misses its target (with --check); 2 wrong flags;
3 a service gave a wrong result, so there are no figures; 130 interrupted.

Both sides of a ratio run in turns, A B A B, and the figure is the median of the rounds'
own ratios. Others' load changes what each side reaches; the ratios it hardly changes.
"""


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the flags."""
    lines = [f"  {name:17}{module.__doc__}" for name, module in BENCHMARKS.items()]
    parser = argparse.ArgumentParser(
        prog="bench",
        description="Measure the services, real processes under real load.\n\nbenchmarks:\n"
        + "\n".join(lines),
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only",
        metavar="NAME",
        action="append",
        choices=BENCHMARKS,
        help=f"run this benchmark alone; may be given more than once (default: all but "
        f"{', '.join(SLOW)}, which take minutes)",
    )
    parser.add_argument("--all", action="store_true", help="run the slow ones as well")
    parser.add_argument(
        "--rounds", type=_positive, default=5, help="turns of each side (default: 5)"
    )
    parser.add_argument(
        "--seconds",
        type=_seconds,
        default=2.0,
        help="how long a side of get_product, get_cart or identity is under load in a round"
        " (default: 2)",
    )
    parser.add_argument(
        "--json", type=_path, metavar="FILE", help="write all figures to a file too"
    )
    parser.add_argument(
        "--check", action="store_true", help="exit with 1 where a figure misses its target"
    )
    parser.add_argument(
        "--folder",
        type=_path,
        default=Path(gettempdir()),
        help="where the databases are for the time being; on a disk (default: %(default)s)",
    )
    return parser.parse_args(argv)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or greater")
    return number


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 60:
        raise argparse.ArgumentTypeError("must be more than 0, and 60 at most")
    return seconds


def _path(text: str) -> Path:
    """Resolve a path where the user typed it: `bazel run` changes to another folder."""
    return Path(os.environ.get("BUILD_WORKING_DIRECTORY", ""), text).absolute()


async def measure(arguments: argparse.Namespace, console: Console) -> dict[str, Sequence[Figure]]:
    """Run the benchmarks that were asked for."""
    # SIGTERM as SIGINT: the servers are stopped and the files removed.
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    figures: dict[str, Sequence[Figure]] = {}
    with console.status("") as status:
        for name in chosen(arguments):
            with TemporaryDirectory(dir=arguments.folder, prefix="bodega-bench-") as folder:
                options = Options(
                    rounds=arguments.rounds,
                    seconds=arguments.seconds,
                    folder=Path(folder),
                    h2load=Path(os.environ["H2LOAD_BIN"]),
                    report=partial(_report, status, name),
                )
                figures[name] = await BENCHMARKS[name].run(options)
    return figures


def chosen(arguments: argparse.Namespace) -> list[str]:
    """Return the names of the benchmarks to run."""
    if arguments.only:
        return list(dict.fromkeys(arguments.only))
    return [name for name in BENCHMARKS if arguments.all or name not in SLOW]


def _report(status: Status, name: str, text: str) -> None:
    status.update(f"{name}: {text}")


def main() -> int:
    """Measure, print, and say whether all is well."""
    arguments = parse_arguments()
    logs.configure("warning")
    console = Console(width=None if sys.stdout.isatty() else PRINTED_WIDTH)
    machine = this_machine(arguments.folder)
    console.print(machine.describe(), highlight=False)
    try:
        figures = uvloop.run(measure(arguments, Console(stderr=True)))
    except WrongResultError as error:
        print(f"bench: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt, asyncio.CancelledError:
        return INTERRUPTED
    console.print(report.table(figures))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report.as_json(machine, figures), indent=2) + "\n")
    missed = [figure for found in figures.values() for figure in found if figure.is_missed]
    return MISSED if missed and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
