"""Catalogue files that are one JSON array of objects."""

from typing import BinaryIO

from workers.sources.fields import FieldMap
from workers.sources.json_splitter import JsonSplitter, TruncatedError
from workers.sources.json_values import ObjectReader
from workers.sources.record import MAX_RECORD_BYTES, BadRow, Position, Record


class JsonArraySource:
    """Reads the objects of a JSON array without holding more than one of them."""

    def __init__(
        self, file: BinaryIO, fields: FieldMap, first: Position, resume: Position | None = None
    ) -> None:
        self._elements = JsonSplitter(file, first, resume)
        self._objects = ObjectReader(fields)
        self._ended = False

    @property
    def position(self) -> Position:
        """Return the place after the last record given."""
        return self._elements.position

    def __iter__(self) -> JsonArraySource:
        return self

    def __next__(self) -> Record | BadRow:
        if self._ended:
            raise StopIteration
        try:
            element = self._elements.element()
        except TruncatedError:
            self._ended = True
            return BadRow(self.position.line, "line", "the file ends before its array does")
        if element is None:
            return self._end()
        if element.too_long:
            return BadRow(element.line, "line", f"is longer than {MAX_RECORD_BYTES} bytes")
        return self._objects.read(element.line, element.data)

    def _end(self) -> BadRow:
        self._ended = True
        if self._elements.rest_is_blank():
            raise StopIteration
        return BadRow(self.position.line, "line", "there is text after the end of the array")
