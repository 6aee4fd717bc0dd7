"""How long to wait before another try."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta


@dataclass(slots=True)
class Backoff:
    """Exponential backoff with full jitter: a random time up to a growing, capped bound.

    Full jitter spreads the workers that lost the same server best (Brooker, "Exponential
    Backoff And Jitter").
    """

    first: timedelta = timedelta(milliseconds=200)
    cap: timedelta = timedelta(seconds=10)
    draw: Callable[[], float] = random.random
    attempts: int = 0

    def next(self, at_least: timedelta = timedelta(0)) -> timedelta:
        """Return the next wait; `at_least` is what the server asked for."""
        # 2**30 is beyond any cap; larger powers would overflow a timedelta.
        bound: timedelta = min(self.cap, self.first * (1 << min(self.attempts, 30)))
        self.attempts += 1
        return at_least + bound * self.draw()

    def reset(self) -> None:
        """Start anew: the last try succeeded."""
        self.attempts = 0
