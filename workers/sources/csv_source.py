"""Catalogue files with a header line and separated values (RFC 4180, and its cousins)."""

import csv
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO

from workers.sources.fields import FieldMap
from workers.sources.lines import Line, LineReader
from workers.sources.record import (
    MAX_RECORD_BYTES,
    BadRow,
    Position,
    Record,
    SourceError,
)

_DELIMITERS = ",;\t|"


class _TooLongError(Exception):
    """The record grew beyond its limit."""


class _Feed:
    """Hands lines to csv.reader and keeps those of the record under way.

    A quote that is never closed would swallow the lines after it. So a record that proves
    to be bad costs its first line only: `give_back` has the others read again.
    """

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._again: deque[Line] = deque()
        self._size = 0
        self.record: list[Line] = []
        self.is_utf8 = True

    def begin(self) -> None:
        self.record.clear()
        self._size = 0
        self.is_utf8 = True

    def give_back(self) -> None:
        self._again.extendleft(reversed(self.record[1:]))
        del self.record[1:]

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self.record.append(line)
        self._size += len(line.data)
        if line.too_long or self._size > MAX_RECORD_BYTES:
            raise _TooLongError
        try:
            return line.data.decode()
        except UnicodeDecodeError:
            self.is_utf8 = False
            return line.data.decode(errors="surrogateescape")


class CsvSource:
    """Reads the rows of a CSV file; the delimiter is the one that its header line uses most."""

    def __init__(
        self, file: BinaryIO, fields: FieldMap, first: Position, resume: Position | None = None
    ) -> None:
        delimiter = _delimiter(file, first)
        header_feed = _Feed(LineReader(file, first))
        header = _header(header_feed, delimiter)
        self._columns = list(fields.columns(header).items())
        self._width = len(header)
        self._position = resume or _after(header_feed.record[-1])
        self._feed = _Feed(LineReader(file, self._position))
        self._rows = csv.reader(self._feed, delimiter=delimiter, strict=True)

    @property
    def position(self) -> Position:
        """Return the place after the last record given."""
        return self._position

    def __iter__(self) -> CsvSource:
        return self

    def __next__(self) -> Record | BadRow:
        while True:
            self._feed.begin()
            item = self._read()
            self._position = _after(self._feed.record[-1])
            if item is not None:
                return item

    def _read(self) -> Record | BadRow | None:
        record = self._feed.record
        try:
            row = next(self._rows)
        except csv.Error as error:
            self._feed.give_back()
            return BadRow(record[0].number, "line", f"is not CSV: {error}")
        except _TooLongError:
            return self._too_long()
        line = record[0].number
        if not self._feed.is_utf8:
            return BadRow(line, "line", "is not UTF-8")
        if not row:
            return None
        if len(row) != self._width:
            return BadRow(line, "line", f"has {len(row)} values, the header has {self._width}")
        return Record(line, {field: row[index] for field, index in self._columns if row[index]})

    def _too_long(self) -> BadRow:
        first = self._feed.record[0]
        self._feed.give_back()
        if first.too_long:
            return BadRow(first.number, "line", f"is longer than {MAX_RECORD_BYTES} bytes")
        return BadRow(
            first.number, "line", f"opens a quote not closed within {MAX_RECORD_BYTES} bytes"
        )


def _after(line: Line) -> Position:
    return Position(line.end, line.number + 1)


def _delimiter(file: BinaryIO, first: Position) -> str:
    line = next(LineReader(file, first), None)
    text = line.data.decode(errors="replace") if line else ""
    return max(_DELIMITERS, key=text.count)


def _header(feed: _Feed, delimiter: str) -> list[str]:
    try:
        header = next(csv.reader(feed, delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise SourceError(f"the header line is not CSV: {error}") from error
    except _TooLongError as error:
        raise SourceError(f"the header is longer than {MAX_RECORD_BYTES} bytes") from error
    if not header:
        raise SourceError("the first line must be a header that names the columns")
    if not feed.is_utf8:
        raise SourceError("the header line is not UTF-8: save the file as UTF-8")
    return header
