"""Catalogue files with one JSON object a line."""

from typing import BinaryIO

from workers.sources.fields import FieldMap
from workers.sources.json_values import ObjectReader
from workers.sources.lines import Line, LineReader
from workers.sources.record import MAX_RECORD_BYTES, BadRow, Position, Record


class JsonLinesSource:
    """Reads the objects of a JSON lines file; blank lines mean nothing."""

    def __init__(
        self, file: BinaryIO, fields: FieldMap, first: Position, resume: Position | None = None
    ) -> None:
        self._position = resume or first
        self._lines = LineReader(file, self._position)
        self._objects = ObjectReader(fields)

    @property
    def position(self) -> Position:
        """Return the place after the last record given."""
        return self._position

    def __iter__(self) -> JsonLinesSource:
        return self

    def __next__(self) -> Record | BadRow:
        for line in self._lines:
            self._position = Position(line.end, line.number + 1)
            if not line.data.isspace():
                return self._read(line)
        raise StopIteration

    def _read(self, line: Line) -> Record | BadRow:
        if line.too_long:
            return BadRow(line.number, "line", f"is longer than {MAX_RECORD_BYTES} bytes")
        return self._objects.read(line.number, line.data)
