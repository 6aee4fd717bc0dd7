"""Reports rows that were not imported: in the log, and in a file for whoever repairs them."""

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Self

from runtime.logs import get_logger
from workers.durable import DurableFileError
from workers.sources.record import BadRow

log = get_logger("product_worker")

# A file of a million bad rows must not fill the log; the rejects file has them all.
LOGGED_ROWS = 100


class Rejects:
    """Writes one JSON object a bad row, in step with the checkpoint.

    `size` is what the checkpoint records; a file longer than that has rows of a window that
    was never recorded, which will be written again.
    """

    def __init__(self, path: Path | None, size: int) -> None:
        self._path = path
        self._logged = 0
        self._file = None
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab")
            self._file.truncate(min(size, self._file.tell()))
            self._file.seek(0, os.SEEK_END)  # Of the size to report; a truncation does not move.
        except OSError as error:
            raise self._cannot_write(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._file is not None:
            # What counts was synced by `report`; a full disk was told of there.
            with suppress(OSError):
                self._file.close()

    def report(self, rows: Iterable[BadRow]) -> int:
        """Report the rows, durably; return the size of the file."""
        for row in rows:
            self._log(row)
            self._write(row)
        return self._sync()

    def _log(self, row: BadRow) -> None:
        if self._logged < LOGGED_ROWS:
            log.warning("row not imported", **_content(row))
        elif self._logged == LOGGED_ROWS:
            log.warning("more rows are not imported", all_of_them_in=str(self._path or "--rejects"))
        self._logged += 1

    def _write(self, row: BadRow) -> None:
        if self._file is not None:
            try:
                self._file.write(json.dumps(_content(row)).encode() + b"\n")
            except OSError as error:
                raise self._cannot_write(error) from error

    def _sync(self) -> int:
        if self._file is None:
            return 0
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._cannot_write(error) from error
        return self._file.tell()

    def _cannot_write(self, error: OSError) -> DurableFileError:
        return DurableFileError(f"cannot write --rejects {self._path}: {error.strerror}")


def _content(row: BadRow) -> dict[str, str | int]:
    content: dict[str, str | int] = {"line": row.line, "field": row.field, "rule": row.rule}
    return content | {"sku": row.sku} if row.sku else content
