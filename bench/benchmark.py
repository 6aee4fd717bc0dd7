"""What every benchmark is: a function of the options that returns figures."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.measure import Figure, Report


class WrongResultError(Exception):
    """A service did not do what was measured; a figure about it would mean nothing."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to measure. `seconds` is what a side under load is given in each round."""

    rounds: int
    seconds: float
    folder: Path
    h2load: Path
    report: Report


type Benchmark = Callable[[Options], Awaitable[Sequence[Figure]]]


def check_equal(what: str, found: object, expected: object) -> None:
    """Raise WrongResultError where a service's result is not the right one."""
    if found != expected:
        raise WrongResultError(f"{what}: {found}, expected {expected}")
