"""Kills the parts of a shop at random: `bazel run //e2e/shop:chaos -- --for 5m`."""

import argparse
import asyncio
import secrets
import sys
from collections.abc import Sequence
from datetime import timedelta

from e2e.shop.chaos.report import report
from e2e.shop.chaos.run import run
from runtime import logs
from runtime.duration import format_duration, parse_duration
from tools.shop.folder import temporary

_EPILOG = """\
exit code: 0 all that was acknowledged is there, exactly once, and the shop is healthy without
help; 1 not so; 2 wrong flags.
"""


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the flags."""
    parser = argparse.ArgumentParser(
        prog="chaos",
        description="Run a whole shop under load in a folder of its own, kill each of its servers "
        "and workers (kill -9) in turn, at random, and see what is left.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--for",
        dest="duration",
        metavar="TIME",
        type=_duration,
        default=timedelta(minutes=5),
        help="how long to kill (default: 5m); each part is killed once at the least",
    )
    parser.add_argument(
        "--seed", type=int, help="a number, to repeat a run; drawn where it is not given"
    )
    return parser.parse_args(argv)


def _duration(text: str) -> timedelta:
    try:
        found = parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    assert isinstance(found, timedelta)
    return found


def main() -> int:
    """Run, print what happened, and say whether all is well."""
    arguments = parse_arguments()
    seed = secrets.randbelow(10**6) if arguments.seed is None else arguments.seed
    # Our own clients warn of each outage.
    logs.configure("error")
    print(f"seed {seed}, for {format_duration(arguments.duration)}", flush=True)
    with temporary() as data:
        outcome = asyncio.run(run(data, arguments.duration, seed))
    print("\n".join(report(outcome)))
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
