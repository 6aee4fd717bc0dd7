"""Keeps what a part writes: all of it in files of bounded size, the newest lines at hand."""

import json
import re
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_LONGEST_LINE = 16 * 1024
_HIDDEN = frozenset({"timestamp", "level", "event", "logger", "exception"})


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that went wrong, and when: in seconds of the monotonic clock."""

    text: str
    at: float


@dataclass(frozen=True, slots=True)
class LogLine:
    """One event, or a line that is not structured: then it is all in `event`."""

    event: str
    at: float = field(default_factory=time.monotonic, compare=False)
    level: str = ""
    time: str = ""
    details: str = ""

    @property
    def is_error(self) -> bool:
        """Whether the part itself calls it an error."""
        return self.level in {"error", "critical", "fatal"}

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one line, structured as JSON or plain."""
        try:
            fields = json.loads(text)
        except ValueError:
            return cls(event=_printable(text))
        if not isinstance(fields, dict) or "event" not in fields:
            return cls(event=_printable(text))
        return cls(
            event=_printable(str(fields["event"])),
            level=_printable(str(fields.get("level", ""))),
            time=_printable(_clock(str(fields.get("timestamp", "")))),
            details=_printable(_details(fields)),
        )


def _printable(text: str) -> str:
    """Take out what would move the cursor or colour the screen."""
    plain = _ESCAPES.sub("", text)
    return "".join(each if each.isprintable() else " " for each in plain)


def _clock(timestamp: str) -> str:
    return timestamp.partition("T")[2][:8]


def _details(fields: Mapping[str, object]) -> str:
    shown = [f"{key}={value}" for key, value in fields.items() if key not in _HIDDEN]
    # Of a traceback, the last line says what happened; the file has all of it.
    shown += str(fields.get("exception", "")).strip().splitlines()[-1:]
    return " ".join(shown)


class RotatingFile:
    """Appends to a file; when it is full, it becomes `.1`, and `.1` becomes `.2`, and so on.

    The files together never exceed `keep` + 1 times `limit` bytes.
    """

    def __init__(self, path: Path, *, limit: int, keep: int) -> None:
        self._path = path
        self._limit = limit
        self._keep = keep
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)
        self._size = path.stat().st_size

    def write(self, data: bytes) -> None:
        """Append; a write is never split over two files."""
        if self._size and self._size + len(data) > self._limit:
            self._rotate()
        self._file.write(data)
        self._size += len(data)

    def _rotate(self) -> None:
        self._file.close()
        for number in range(self._keep, 0, -1):
            older = self._numbered(number)
            newer = self._numbered(number - 1)
            if newer.exists():
                newer.replace(older)
        self._file = self._path.open("wb", buffering=0)
        self._size = 0

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class PartLog:
    """The log of one part over all its lives."""

    def __init__(
        self, path: Path, *, limit: int = 8 * 1024 * 1024, keep: int = 2, tail: int = 1000
    ) -> None:
        self.path = path
        self.lines: deque[LogLine] = deque(maxlen=tail)
        self.last_error: Trouble | None = None
        self.errors = 0
        self._file = RotatingFile(path, limit=limit, keep=keep)
        self._partial = b""

    def write(self, data: bytes) -> None:
        """Take what came through the pipe, whole lines or not."""
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            self._take(line)
        # A part that writes no line ends must not fill the memory.
        if len(self._partial) > _LONGEST_LINE:
            self._take(self._partial)
            self._partial = b""

    def finish(self) -> None:
        """Take what is left as a line: the part has ended."""
        if self._partial:
            self._take(self._partial)
        self._partial = b""

    def _take(self, line: bytes) -> None:
        try:
            self._file.write(line + b"\n")
        except OSError as error:
            self._note(LogLine(f"{self.path} cannot be written: {error.strerror}", level="error"))
        text = line[:_LONGEST_LINE].decode(errors="replace").rstrip()
        if not text:
            return
        self._note(LogLine.parse(text))

    def _note(self, line: LogLine) -> None:
        self.lines.append(line)
        if line.is_error:
            text = f"{line.event} {line.details}".strip()
            self.last_error = Trouble(text, time.monotonic())
            self.errors += 1

    def close(self) -> None:
        """Close the file."""
        self._file.close()
