"""Durations as people write them."""

import re
from datetime import timedelta

DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}


def parse_duration(value: object) -> object:
    """Read `500ms`, `30s`, `2m`, `1h` or `7d`; leave what is no text to pydantic."""
    if not isinstance(value, str):
        return value
    found = DURATION.fullmatch(value.strip())
    if found is None:
        message = "must be a duration such as 500ms, 30s, 2m, 1h or 7d"
        raise ValueError(message)
    try:
        return float(found[1]) * UNITS[found[2]]
    except OverflowError:
        message = f"must be less than {timedelta.max.days}d"
        raise ValueError(message) from None


def format_duration(value: timedelta) -> str:
    """Write a duration so that `parse_duration` reads it."""
    for unit in ("d", "h", "m", "s", "ms"):
        if value and not value % UNITS[unit]:
            return f"{value // UNITS[unit]}{unit}"
    return f"{value / UNITS['ms']:.3f}ms"
