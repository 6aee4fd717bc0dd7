"""Shows how an import goes: a bar on a terminal, a log line now and then elsewhere."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from runtime.logs import get_logger
from workers.checkpoint import Totals

log = get_logger("product_worker")

LOG_SECONDS = 5.0


class Report(Protocol):
    """Takes note of what was acknowledged: bytes of the file, and rows."""

    def __call__(self, offset: int, totals: Totals) -> None:
        """Show it."""


@contextmanager
def progress(name: str, size: int) -> Iterator[Report]:
    """Show progress through a file of `size` bytes until the block ends."""
    if sys.stderr.isatty():
        with _bar(name, size) as report:
            yield report
    else:
        yield _Lines(size)


class _Lines:
    def __init__(self, size: int) -> None:
        self._size = size
        self._next = time.monotonic() + LOG_SECONDS

    def __call__(self, offset: int, totals: Totals) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + LOG_SECONDS
            log.info("importing", percent=100 * offset // self._size, rows=totals.rows)


@contextmanager
def _bar(name: str, size: int) -> Iterator[Report]:
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]:,} rows, {task.fields[bad]:,} bad"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    task = bar.add_task(name, total=size, rows=0, bad=0)

    def report(offset: int, totals: Totals) -> None:
        bar.update(task, completed=offset, rows=totals.rows, bad=totals.bad)

    with bar, _logs_above():
        yield report


@contextmanager
def _logs_above() -> Iterator[None]:
    """Let the log go through the stream that rich put in place, which writes above the bar."""
    handlers = [h for h in logging.getLogger().handlers if isinstance(h, logging.StreamHandler)]
    streams = [handler.stream for handler in handlers]
    for handler in handlers:
        handler.setStream(sys.stderr)
    try:
        yield
    finally:
        for handler, stream in zip(handlers, streams, strict=True):
            handler.setStream(stream)
