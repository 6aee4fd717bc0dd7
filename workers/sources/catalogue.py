"""A catalogue file: opened once, known by its content."""

import asyncio
import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Self

from workers.sources.csv_source import CsvSource
from workers.sources.fields import FieldMap
from workers.sources.json_source import JsonArraySource
from workers.sources.jsonl_source import JsonLinesSource
from workers.sources.record import Position, Source, SourceError

type Reader = Callable[[BinaryIO, FieldMap, Position, Position | None], Source]

READERS: dict[str, Reader] = {
    ".csv": CsvSource,
    ".tsv": CsvSource,
    ".jsonl": JsonLinesSource,
    ".ndjson": JsonLinesSource,
    ".json": JsonArraySource,
}

_DIGEST_BYTES = 8_388_608
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def check_extension(path: Path) -> Path:
    """Return the path; ValueError where its extension names no format that can be read."""
    if path.suffix.lower() not in READERS:
        raise ValueError(f"{path.name}: the name must end in {', '.join(READERS)}")
    return path


class CatalogueFile:
    """Holds the file open, so that one that replaces it by name does no harm."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reader = READERS[check_extension(path).suffix.lower()]
        try:
            # Non-blocking, or opening a FIFO would wait for its writer.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise SourceError(f"cannot be read: {error.strerror}") from error
        self._file = os.fdopen(descriptor, "rb", buffering=262_144)
        try:
            self._first = self._check()
        except SourceError:
            self._file.close()
            raise
        self._stamp = self._stamp_now()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._file.close()

    @property
    def size(self) -> int:
        """The length in bytes."""
        return self._stamp[0]

    async def digest(self) -> str:
        """Return the SHA-256 of the content, leaving the event loop free meanwhile."""
        digest = hashlib.sha256()

        def step() -> bool:
            data = self._file.read(_DIGEST_BYTES)
            digest.update(data)
            return bool(data)

        self._file.seek(0)
        while await asyncio.to_thread(step):
            pass
        return digest.hexdigest()

    def read(self, fields: FieldMap, resume: Position | None = None) -> Source:
        """Return the records, from a position on; only the newest reader may be used."""
        return self._reader(self._file, fields, self._first, resume)

    def check_unchanged(self) -> None:
        """Raise SourceError where somebody wrote to the file since it was opened."""
        if self._stamp_now() != self._stamp:
            raise SourceError("changed while it was being imported: start again")

    def _check(self) -> Position:
        status = os.fstat(self._file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise SourceError("is no regular file, and could not be resumed")
        start = self._file.read(3)
        if not start:
            raise SourceError("is empty")
        if start.startswith(_UTF16_MARKS):
            raise SourceError("is UTF-16: save it as UTF-8")
        return Position(3 if start == _UTF8_MARK else 0, 1)

    def _stamp_now(self) -> tuple[int, int]:
        status = os.fstat(self._file.fileno())
        return status.st_size, status.st_mtime_ns
