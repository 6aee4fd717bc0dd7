"""The time, as databases keep it."""

import time
from collections.abc import Callable

# Microseconds since 1970 UTC.
type Micros = int
type Clock = Callable[[], Micros]

SECOND: Micros = 1_000_000


def now_micros() -> Micros:
    """Return the time now."""
    return time.time_ns() // 1000
