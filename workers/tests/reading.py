"""What a source gave, as a test looks at it."""

from collections.abc import Callable, Mapping

from workers.sources.record import BadRow, Record

type ReadAll = Callable[..., list[Record | BadRow]]


def values(row: Record | BadRow) -> Mapping[str, str]:
    """Return the values of a row, which must be good."""
    assert isinstance(row, Record), row
    return row.values
