from datetime import timedelta

from runtime.clock import Micros


def stopped() -> float:
    """Return the same time always: a monotonic clock in which nobody gets anything by waiting."""
    return 0.0


class HandClock:
    """A clock that a test puts on."""

    def __init__(self) -> None:
        self.now: Micros = 1_800_000_000_000_000

    def __call__(self) -> Micros:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by // timedelta(microseconds=1)
