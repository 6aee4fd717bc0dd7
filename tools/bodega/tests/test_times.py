import argparse
from datetime import UTC, datetime, timedelta

import pytest

from tools.bodega.times import parse_time


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-12-24", "2026-12-24T00:00:00Z"),
        ("2026-12-24T18:00+01:00", "2026-12-24T17:00:00Z"),
        ("2026-12-24 18:00:30Z", "2026-12-24T18:00:30Z"),
    ],
)
def test_a_time_without_a_zone_is_utc(text: str, wanted: str) -> None:
    assert parse_time(text).ToJsonString() == wanted


def test_a_duration_is_counted_from_now() -> None:
    left = parse_time("7d").ToDatetime(UTC) - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "9999999d", "0001-01-01T00:00+05:00"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no time such as 2026-12-24"):
        parse_time(text)
