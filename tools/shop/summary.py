"""Whether all was well, and the table that says so at the end."""

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tools.shop.logs import LogLine
from tools.shop.status import State, Status
from tools.shop.words import count_words, duration_words, latency_words, number_words

_TAIL = 15


def failed_calls(status: Status) -> dict[str, float]:
    """Return how many calls ended with each status code that is a sign of trouble."""
    part, last = status.part, status.history.last
    calls = last.calls if last else {}
    return {
        code: number
        for code, number in calls.items()
        if number and code not in part.harmless and not part.calls.is_well(code)
    }


def faults(statuses: Iterable[Status]) -> list[str]:
    """Say what is not well while the parts run; empty if all is."""
    return [f"{status.part.name} {fault}" for status in statuses for fault in _faults(status)]


def _faults(status: Status) -> Iterator[str]:
    error = status.last_error
    because = f": {error.text}" if error else ""
    if status.state not in {State.HEALTHY, State.DONE} or status.exit_code:
        yield f"is {status.state.value}{because or f': {status.answer}'}"
    if status.restarts:
        yield f"was restarted {_times(status.restarts)}{because}"
    for code, number in failed_calls(status).items():
        yield f"had {number_words(number)} calls that ended with {code}"
    if status.log.errors:
        yield f"logged an error {_times(status.log.errors)}{because}"
    # What is done has said so by its exit code; its last numbers may have gone unread.
    progress = status.part.progress if status.state is not State.DONE else None
    last = status.history.last
    if progress and not (last and last.counts.get(progress.title)):
        yield f"made no progress: {progress.title} is still 0"


def ending_faults(statuses: Sequence[Status]) -> list[str]:
    """Say which parts did not end in order after SIGTERM."""
    found = []
    for status in statuses:
        if status.killed:
            found.append(f"{status.part.name} did not end when asked, and was killed")
        elif status.exit_code:
            found.append(f"{status.part.name} ended with code {status.exit_code} when asked to end")
    return found


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def summary(statuses: Sequence[Status], took: float) -> RenderableType:
    """Draw the table of the whole run."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("part", no_wrap=True)
    for title in ("calls", "p50", "p99", "failed", "restarts"):
        table.add_column(title, justify="right", no_wrap=True)
    for status in statuses:
        table.add_row(*_row(status))
    counts = [
        Text(f"{status.part.name}: {count_words(last.counts)}")
        for status in statuses
        if (last := status.history.last) and last.counts
    ]
    return Group(Text(f"Bodega ran for {duration_words(took)}", style="bold"), table, *counts)


def log_tails(statuses: Sequence[Status]) -> RenderableType:
    """Draw the last lines of each part that is not well, for where the logs are soon gone."""
    tails: list[RenderableType] = []
    for status in statuses:
        if not (status.last_error or status.exit_code):
            continue
        tails.append(Text(f"last lines of {status.log.path}", style="bold"))
        tails += [Text(f"  {_line_words(line)}") for line in list(status.log.lines)[-_TAIL:]]
    return Group(*tails)


def _line_words(line: LogLine) -> str:
    return " ".join(word for word in (line.time, line.level, line.event, line.details) if word)


def _row(status: Status) -> list[RenderableType]:
    last = status.history.last
    failed = sum(failed_calls(status).values())
    return [
        Text(status.part.name, style="bold"),
        number_words(last.total) if last else "-",
        latency_words(last.latency.quantile(0.50) if last else None),
        latency_words(last.latency.quantile(0.99) if last else None),
        Text(number_words(failed), style="red" if failed else ""),
        Text(str(status.restarts), style="red" if status.restarts else ""),
    ]
