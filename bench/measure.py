"""Sides that run in turns, what each reaches, and how far they are apart."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Literal

MB = 1_000_000

type Run[T] = Callable[[], Awaitable[T]]
type Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Series:
    """One figure of one side, once for each round."""

    side: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one, which a disturbed round does not move."""
        return median(self.values)


@dataclass(frozen=True, slots=True)
class Target:
    """What is promised of a figure."""

    kind: Literal["at least", "below"]
    bound: float

    def is_met_by(self, value: float) -> bool:
        """Say whether the value keeps the promise."""
        return value >= self.bound if self.kind == "at least" else value < self.bound


@dataclass(frozen=True, slots=True)
class Figure:
    """A line of the result: a side's series, or its ratio to that of another side.

    The two sides of a round ran right after each other, on a machine in much the same state: so
    each round has its own ratio, and the median of these is the figure.
    """

    name: str
    measured: Series
    against: Series | None = None
    target: Target | None = None

    @property
    def rounds(self) -> tuple[float, ...]:
        """The figure in each round."""
        if self.against is None:
            return self.measured.values
        pairs = zip(self.measured.values, self.against.values, strict=True)
        return tuple(ours / theirs for ours, theirs in pairs)

    @property
    def value(self) -> float:
        """The median over the rounds."""
        return median(self.rounds)

    @property
    def spread(self) -> tuple[float, float]:
        """The least and the greatest of the rounds."""
        return min(self.rounds), max(self.rounds)

    @property
    def is_missed(self) -> bool:
        """Whether there is a target, and the figure misses it."""
        return self.target is not None and not self.target.is_met_by(self.value)


async def in_turns[T](
    sides: Mapping[str, Run[T]], rounds: int, report: Report
) -> dict[str, tuple[T, ...]]:
    """Run the sides A B C, C B A, A B C, … and return what each gave in each round.

    Whoever comes after another process finds the machine's caches full of it: each side does.
    """
    reached: dict[str, list[T]] = {side: [] for side in sides}
    order = list(sides)
    for number in range(1, rounds + 1):
        for side in order:
            report(f"round {number} of {rounds}: {side}")
            reached[side].append(await sides[side]())
        order.reverse()
    return {side: tuple(values) for side, values in reached.items()}
