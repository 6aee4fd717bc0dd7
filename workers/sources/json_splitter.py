"""Cuts a JSON array into the bytes of its elements, in bounded memory.

Parsers that stream JSON give up at the first error and know no lines. A catalogue wants
neither: here brackets and strings alone decide where an element ends, so that a bad
element is skipped by itself and named by its line.
"""

import re
from typing import BinaryIO, NamedTuple

from workers.sources.record import MAX_RECORD_BYTES, Position, SourceError

_READ_BYTES = 262_144
_QUOTE = ord('"')
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'


def _up_to(tokens: bytes) -> re.Pattern[bytes]:
    """Match whole strings and other text up to one of the tokens, or a string that is cut off."""
    other = b'[^"' + tokens + b"]*+"
    return re.compile(other + b"(?:" + _STRING + other + b')*+(["' + tokens + b"])", re.DOTALL)


_TOP = _up_to(rb"{}\[\],")
_NESTED = _up_to(rb"{}\[\]")
_STRING_PART = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_SPACE = re.compile(rb"[ \t\r\n]*+")


class Element(NamedTuple):
    """An element of the array; `data` is empty where it is too long."""

    line: int
    data: bytes
    too_long: bool


class TruncatedError(Exception):
    """The file ends before its array does."""


class JsonSplitter:
    """Gives the elements one after the other, from a position on."""

    def __init__(self, file: BinaryIO, first: Position, resume: Position | None = None) -> None:
        self._file = file
        resume = None if resume == first else resume
        self._base, self._line = resume or first
        self._buffer = b""
        self._at = 0
        self._first = first
        self._between = resume is not None
        file.seek(self._base)
        if resume is None and self._take_byte() != b"[":
            raise SourceError(
                "must be a JSON array of objects; a file of one object a line is named .jsonl"
            )

    @property
    def position(self) -> Position:
        """Return the place after the last element, before its comma; at first that of the array."""
        if not self._between:
            return self._first
        return Position(self._base + self._at, self._line)

    def element(self) -> Element | None:
        """Return the next element, None after the last one."""
        if self._at_end():
            return None
        self._between = True
        self._peek_byte()
        line = self._line
        end = self._find_end()
        if end is None or end - self._at > MAX_RECORD_BYTES:
            self._skip_element()
            return Element(line, b"", too_long=True)
        data = self._buffer[self._at : end]
        self._advance(end)
        return Element(line, data.rstrip(), too_long=False)

    def rest_is_blank(self) -> bool:
        """Say whether nothing follows the array."""
        return self._peek_byte() == b""

    def _at_end(self) -> bool:
        byte = self._peek_byte()
        if byte == b"":
            raise TruncatedError
        if byte == b"]":
            self._advance(self._at + 1)
            return True
        if self._between:
            self._advance(self._at + 1)
        return False

    def _find_end(self) -> int | None:
        """Return where the element ends in the buffer; None where that is too far away."""
        at, depth = self._at, 0
        while True:
            match = (_NESTED if depth else _TOP).match(self._buffer, at)
            token = match[1] if match else b'"'
            if match is None or token == b'"':
                if len(self._buffer) - self._at > MAX_RECORD_BYTES:
                    return None
                at -= self._at
                self._fill()
                continue
            at = match.end()
            if depth == 0 and token in b",]":
                return at - 1
            depth += _step(token, depth)

    def _skip_element(self) -> None:
        """Move to the end of an element that does not fit into the buffer."""
        depth = 0
        while True:
            match = (_NESTED if depth else _TOP).match(self._buffer, self._at)
            if match is None:
                self._advance(len(self._buffer))
                self._fill()
                continue
            token = match[1]
            if depth == 0 and token in b",]":
                self._advance(match.end() - 1)
                return
            self._advance(match.end())
            if token == b'"':
                self._skip_string()
            depth += _step(token, depth)

    def _skip_string(self) -> None:
        """Move past the closing quote of a string that is cut off in the buffer."""
        while True:
            self._skip(_STRING_PART)
            if self._at < len(self._buffer) and self._buffer[self._at] == _QUOTE:
                self._advance(self._at + 1)
                return
            self._fill()

    def _peek_byte(self) -> bytes:
        """Return the next byte that is no white space, empty at the end of the file."""
        while True:
            self._skip(_SPACE)
            if self._at < len(self._buffer):
                return self._buffer[self._at : self._at + 1]
            try:
                self._fill()
            except TruncatedError:
                return b""

    def _take_byte(self) -> bytes:
        byte = self._peek_byte()
        self._advance(self._at + len(byte))
        return byte

    def _skip(self, pattern: re.Pattern[bytes]) -> None:
        if match := pattern.match(self._buffer, self._at):
            self._advance(match.end())

    def _advance(self, to: int) -> None:
        self._line += self._buffer.count(b"\n", self._at, to)
        self._at = to

    def _fill(self) -> None:
        more = self._file.read(_READ_BYTES)
        if not more:
            raise TruncatedError
        self._buffer = self._buffer[self._at :] + more
        self._base += self._at
        self._at = 0


def _step(token: bytes, depth: int) -> int:
    if token in b"{[":
        return 1
    return -1 if token in b"}]" and depth else 0
