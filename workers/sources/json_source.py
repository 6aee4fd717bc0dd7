"""Catalogue files that are one JSON array of objects."""

import os
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
        self._file = file
        self._end = _end_reached(file, resume)
        self._elements = JsonSplitter(file, first, resume)
        self._objects = ObjectReader(fields)

    @property
    def position(self) -> Position:
        """Return the place after the last record given; the end of the file after the last one."""
        return self._end or self._elements.position

    def __iter__(self) -> JsonArraySource:
        return self

    def __next__(self) -> Record | BadRow:
        if self._end is not None:
            raise StopIteration
        try:
            element = self._elements.element()
        except TruncatedError:
            return self._last("the file ends before its array does")
        if element is None:
            if self._elements.rest_is_blank():
                self._finish()
                raise StopIteration
            return self._last("there is text after the end of the array")
        if element.too_long:
            return BadRow(element.line, "line", f"is longer than {MAX_RECORD_BYTES} bytes")
        return self._objects.read(element.line, element.data)

    def _last(self, rule: str) -> BadRow:
        line = self.position.line
        self._finish()
        return BadRow(line, "line", rule)

    def _finish(self) -> None:
        """Say that nothing is left, to whoever resumes here too."""
        self._end = Position(self._file.seek(0, os.SEEK_END), self._elements.position.line)


def _end_reached(file: BinaryIO, resume: Position | None) -> Position | None:
    at_end = resume is not None and file.seek(0, os.SEEK_END) <= resume.offset
    return resume if at_end else None
