"""What a catalogue file consists of: records, bad lines, and places to resume at."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

# A record longer than this is skipped. The largest valid product takes less than half of
# it, and it is the limit that Python's csv module puts on a field.
MAX_RECORD_BYTES = 131_072


class Position(NamedTuple):
    """Where a record starts: its byte offset, and its line, the first being 1."""

    offset: int
    line: int


class Record(NamedTuple):
    """One product as text: field name to value, fields without a value left out."""

    line: int
    values: Mapping[str, str]


class BadRow(NamedTuple):
    """A row that was not imported, the field that is wrong (or "line") and the rule it breaks."""

    line: int
    field: str
    rule: str
    sku: str = ""


class SourceError(Exception):
    """The file as a whole cannot be imported; the message says why, for people."""


class Source(Protocol):
    """The records of one file, in its order."""

    @property
    def position(self) -> Position:
        """Return the place after the last record given; a reader can be started there again."""
        ...

    def __iter__(self) -> Source: ...

    def __next__(self) -> Record | BadRow: ...
