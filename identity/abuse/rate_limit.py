"""How many requests a second a client or an address may make, at this replica."""

import time
from collections.abc import Callable


class RateLimits:
    """A token bucket for each subject, in memory: `rate` a second, and `burst` at once.

    Each bucket is one number, the time at which it will be full again (the generic cell rate
    algorithm). Of more than `most` subjects the longest unused is forgotten, which gives it a full
    bucket.
    """

    def __init__(
        self,
        rate: float,
        *,
        burst: float | None = None,
        most: int = 20_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._interval = 1 / rate
        self._slack = (burst or rate) / rate - self._interval
        self._most = most
        self._clock = clock
        self._full_at: dict[str, float] = {}

    def take(self, subject: str) -> float | None:
        """Take one from a bucket; return None, or the seconds to wait where it is empty."""
        now = self._clock()
        full_at = max(self._full_at.pop(subject, now), now)
        wait = full_at - now - self._slack
        if wait > 1e-9:
            self._full_at[subject] = full_at
            return wait
        self._full_at[subject] = full_at + self._interval
        if len(self._full_at) > self._most:
            del self._full_at[next(iter(self._full_at))]
        return None

    def __len__(self) -> int:
        return len(self._full_at)
