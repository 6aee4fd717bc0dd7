"""Keeping logs."""

import json
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.shop.logs import LogLine, PartLog, RotatingFile


@pytest.fixture
def log(tmp_path: Path) -> Iterator[PartLog]:
    log = PartLog(tmp_path / "a.log", limit=50_000, keep=1)
    yield log
    log.close()


def event(name: str, level: str = "info", **fields: object) -> bytes:
    return json.dumps({"event": name, "level": level, **fields}).encode() + b"\n"


def test_logs_are_bounded_and_the_newest_lines_are_kept(tmp_path: Path) -> None:
    log = PartLog(tmp_path / "logs" / "a.log", limit=1000, keep=2)
    for number in range(500):
        log.write(b"line %d\n" % number)
    log.close()
    files = {path.name: path for path in (tmp_path / "logs").iterdir()}
    assert set(files) == {"a.log", "a.log.1", "a.log.2"}
    assert all(path.stat().st_size <= 1000 for path in files.values())
    kept = "".join(files[name].read_text() for name in ("a.log.2", "a.log.1", "a.log"))
    numbers = [int(line.split()[1]) for line in kept.splitlines()]
    assert numbers == list(range(numbers[0], 500))


def test_a_file_of_an_earlier_run_counts_against_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"x" * 90)
    file = RotatingFile(path, limit=100, keep=1)
    file.write(b"y" * 20)
    file.close()
    assert path.read_bytes() == b"y" * 20
    assert (tmp_path / "a.log.1").read_bytes() == b"x" * 90


def test_a_line_without_an_end_does_not_fill_the_memory(log: PartLog, tmp_path: Path) -> None:
    for _ in range(200):
        log.write(b"x" * 4096)
    assert all(len(line.event) <= 20_000 for line in log.lines)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 100_000


@given(st.lists(st.integers(min_value=0, max_value=200)))
def test_lines_are_the_same_however_the_pipe_cuts_them(cuts: list[int]) -> None:
    data = b"".join(event(f"event {number}") for number in range(5))
    whole = [LogLine.parse(line) for line in data.decode().splitlines()]
    lines = PartLog(Path("/dev/null"), limit=10**9)
    start = 0
    for cut in sorted(cuts):
        lines.write(data[start:cut])
        start = max(start, cut)
    lines.write(data[start:])
    lines.close()
    assert list(lines.lines) == whole


def test_the_last_error_and_their_number_are_kept(log: PartLog) -> None:
    log.write(event("first", "error") + event("second", "error", code=7) + event("fine"))
    assert log.errors == 2
    assert log.last_error is not None
    assert log.last_error.text == "second code=7"


def test_of_a_traceback_the_last_line_is_shown() -> None:
    trace = "Traceback (most recent call last):\n  File …\nValueError: no\n"
    line = LogLine.parse(event("failed", "error", exception=trace).decode())
    assert line.details == "ValueError: no"


def test_what_would_steer_the_terminal_is_taken_out() -> None:
    assert LogLine.parse("\x1b[31mred\x1b[0m\x07 \x9b text").event == "red    text"
    assert LogLine.parse(event("a\x1b[2Jb\rc").decode()).event == "ab c"


def test_the_last_words_need_no_line_end(log: PartLog) -> None:
    log.write(b"good")
    log.write(b"bye")
    log.finish()
    assert [line.event for line in log.lines] == ["goodbye"]
    assert log.path.read_text() == "goodbye\n"


def test_a_file_that_cannot_be_written_is_an_error_and_not_the_end(log: PartLog) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        log.write(event("hello"))
        log.write(event("still here"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert log.lines[-1].event == "still here"
    assert log.last_error is not None
    assert "cannot be written: File too large" in log.last_error.text
