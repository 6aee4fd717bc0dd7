"""Lines of a binary file, in bounded memory whatever their length."""

from typing import BinaryIO, NamedTuple

from workers.sources.record import MAX_RECORD_BYTES, Position


class Line(NamedTuple):
    """A line with its terminator, or the start of one that is too long."""

    number: int
    data: bytes
    end: int
    too_long: bool


class LineReader:
    """Reads lines from a position on; what a too long line has too much is skipped unread."""

    def __init__(self, file: BinaryIO, position: Position) -> None:
        self._file = file
        self._offset, self._number = position
        file.seek(position.offset)

    def __iter__(self) -> LineReader:
        return self

    def __next__(self) -> Line:
        data = self._file.readline(MAX_RECORD_BYTES + 1)
        if not data:
            raise StopIteration
        too_long = len(data) > MAX_RECORD_BYTES
        self._offset += len(data)
        if too_long and not data.endswith(b"\n"):
            self._skip_rest()
        line = Line(self._number, data, self._offset, too_long)
        self._number += 1
        return line

    def _skip_rest(self) -> None:
        while part := self._file.readline(MAX_RECORD_BYTES):
            self._offset += len(part)
            if part.endswith(b"\n"):
                return
