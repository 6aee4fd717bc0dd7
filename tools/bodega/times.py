"""Points in time, as people write and read them."""

import argparse
from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from runtime.duration import parse_duration

_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


def time_text(time: Timestamp) -> str:
    """Return the time for people, in their own time zone."""
    return time.ToDatetime(UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def short_time_text(time: Timestamp) -> str:
    """Return the same to the minute, for tables."""
    return time.ToDatetime(UTC).astimezone().strftime("%Y-%m-%d %H:%M")


def parse_time(text: str) -> Timestamp:
    """Read the argument `2026-12-24`, `2026-12-24T18:00+01:00` (else UTC), or `7d` from now."""
    try:
        when = _from_now(text) or _utc_unless_said(datetime.fromisoformat(text))
    except ValueError, OverflowError:
        when = None
    if when is None or not _FIRST <= when <= _LAST:
        message = f"{text!r} is no time such as 2026-12-24, 2026-12-24T18:00+01:00 or 7d"
        raise argparse.ArgumentTypeError(message)
    made = Timestamp()
    made.FromDatetime(when)
    return made


def _utc_unless_said(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time


def _from_now(text: str) -> datetime | None:
    """Read a duration, which is counted from now."""
    try:
        duration = parse_duration(text)
    except ValueError:
        return None
    return datetime.now(UTC) + duration if isinstance(duration, timedelta) else None
