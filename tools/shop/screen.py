"""Draws the shop. Knows nothing of processes, keys or time but what it is given."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.panel import Panel
from rich.rule import Rule
from rich.text import Text

from tools.shop.logs import LogLine
from tools.shop.part import GrpcHealth
from tools.shop.status import State, Status
from tools.shop.words import (
    count_words,
    duration_words,
    latency_words,
    rate_words,
    sparkline,
)

_LOOKS = {
    State.WAITING: ("○", "bright_black"),
    State.STARTING: ("◌", "yellow"),
    State.HEALTHY: ("●", "green"),
    State.UNHEALTHY: ("●", "red"),
    State.BACKOFF: ("↻", "red"),
    State.DONE: ("✓", "green"),
    State.STOPPING: ("◌", "yellow"),
    State.STOPPED: ("○", "bright_black"),
}
_LEVELS = {"debug": "bright_black", "warning": "yellow"}
_INDENT = " " * 4
_NUMBER = 9
_HEADER_ROWS = 2
_FOOTER_ROWS = 1
_ROOMY = 16


@dataclass(frozen=True, slots=True)
class View:
    """Everything that one picture shows. `now` is of the monotonic clock."""

    statuses: Sequence[Status]
    data: Path
    now: float
    up: float
    left: float | None = None
    ending: bool = False
    log_of: int | None = None


@dataclass(frozen=True, slots=True)
class _Columns:
    """How wide each column is; `picture` is 0 where there is no room for one."""

    width: int
    name: int
    state: int
    picture: int

    @classmethod
    def fit(cls, view: View, width: int) -> Self:
        """Share out the width of the terminal."""
        longest = max(len(status.part.name) for status in view.statuses)
        name, state = min(max(longest, 8) + 6, 28), 18
        left = width - name - state - 4 * _NUMBER - 3
        return cls(width, name, state, min(left, 60) if left >= 10 else 0)


@dataclass(frozen=True, slots=True)
class Screen:
    """A view, drawn to fill the terminal."""

    view: View

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw to the size that the terminal has now."""
        view, width = self.view, options.max_width
        columns = _Columns.fit(view, width)
        blocks = [
            _part_lines(view, number, status, columns)
            for number, status in enumerate(view.statuses, start=1)
        ]
        room = (options.height or console.height) - _HEADER_ROWS - _FOOTER_ROWS
        if sum(map(len, blocks)) + len(blocks) + _ROOMY <= room:
            blocks = [[*block, Text()] for block in blocks]
        lines = [_headings(columns), *chain.from_iterable(blocks)]
        yield _header(view, width)
        yield Rule(style="bright_black")
        yield from lines[:room]
        if room - len(lines) >= 3:
            yield _log_panel(view, room - len(lines))
        else:
            yield from [Text()] * (room - len(lines))
        yield _footer(view)


def _header(view: View, width: int) -> Text:
    line = Text.assemble((" Bodega ", "bold reverse"), "  ", _state_of_all(view))
    times = f"up {duration_words(view.up)}"
    if view.left is not None:
        times += f", {duration_words(view.left)} left"
    room = width - len(line) - len(times) - 4
    path = _short(view.data)
    if len(path) > room:
        # The end of a path tells more than its beginning.
        path = f"…{path[len(path) - room + 1 :]}" if room > 10 else ""
    right = f"{times}  {path}" if path else times
    line.append(right.rjust(width - len(line)), "bright_black")
    line.no_wrap, line.overflow = True, "crop"
    return line


def _short(path: Path) -> str:
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def _state_of_all(view: View) -> Text:
    if view.ending:
        return Text("ending", "bold yellow")
    healthy = sum(status.state in {State.HEALTHY, State.DONE} for status in view.statuses)
    if healthy == len(view.statuses):
        return Text("all healthy", "bold green")
    return Text(f"{healthy} of {len(view.statuses)} healthy", "bold yellow")


def _headings(columns: _Columns) -> Text:
    row = _row(columns, "    part", "state", "calls/s", "p50", "p99", "restarts")
    if columns.picture:
        row += "   last minute"
    return Text(row, "bright_black", no_wrap=True)


def _part_lines(view: View, number: int, status: Status, columns: _Columns) -> list[Text]:
    """Draw one part: its row, where it is and what it has done, what went wrong last."""
    facts = _part_facts(status, _flow_words(view, status), columns.width)
    lines = [_part_row(view, number, status, columns), *facts]
    if status.state in {State.STARTING, State.UNHEALTHY}:
        lines.append(Text(f"{_INDENT}{status.answer}", "yellow"))
    if error := status.last_error:
        ago = f"  {duration_words(view.now - error.at)} ago"
        text = _cut(error.text, columns.width - len(_INDENT) - 2 - len(ago))
        lines.append(Text.assemble((f"{_INDENT}✗ {text}", "red"), (ago, "bright_black")))
    for line in lines:
        line.no_wrap, line.overflow = True, "ellipsis"
    return lines


def _part_row(view: View, number: int, status: Status, columns: _Columns) -> Text:
    mark, colour = _LOOKS[status.state]
    history = status.history
    row = _row(
        columns,
        f"{number} {mark} {status.part.name}",
        _state_words(status, view.now),
        rate_words(history.rate()),
        latency_words(history.quantile(0.50)),
        latency_words(history.quantile(0.99)),
        str(status.restarts),
    )
    line = Text(row)
    line.stylize("bright_black", 0, 1)
    line.stylize(colour, 2, 3)
    line.stylize("bold", 4, columns.name)
    line.stylize(colour, columns.name, columns.name + columns.state)
    line.stylize("red" if status.restarts else "bright_black", len(row) - _NUMBER, len(row))
    line.append(f"   {sparkline(history.rates(), columns.picture)}", "blue")
    return line


def _part_facts(status: Status, flow: str, width: int) -> list[Text]:
    """Draw where it is, what it has done and whom it calls, on one line if there is room."""
    where = f"{status.address} · pid {status.pid}" if status.pid else status.address
    place = Text(f"{_INDENT}{where}", "bright_black")
    last = status.history.last
    counts = count_words(last.counts) if last else ""
    facts = Text.assemble(counts, "   " if counts and flow else "", (flow, "blue"))
    if not facts:
        return [place]
    if len(place) + 3 + len(facts) <= width:
        return [place.append(" · ").append(facts)]
    return [place, Text(_INDENT).append(facts)]


def _flow_words(view: View, status: Status) -> str:
    """Say how often the part calls each of the others."""
    servers = {
        each.part.ready.service: each.part.name
        for each in view.statuses
        if isinstance(each.part.ready, GrpcHealth)
    }
    return "  ".join(
        f"→ {servers[service]} {rate_words(rate)}/s"
        for service, rate in status.history.made().items()
        if service in servers
    )


def _row(columns: _Columns, name: str, state: str, *numbers: str) -> str:
    name = _cut(name, columns.name - 1)
    return f"{name:<{columns.name}}{state:<{columns.state}}" + "".join(
        f"{number:>{_NUMBER}}" for number in numbers
    )


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(0, width - 1)]}…"


def _state_words(status: Status, now: float) -> str:
    match status.state:
        case State.BACKOFF:
            return f"restart in {max(0.0, status.retry_at - now):.0f}s"
        case State.HEALTHY if status.started is not None:
            return f"healthy {duration_words(now - status.started)}"
        case state:
            return f"{state.value} {duration_words(now - status.since)}"


def _log_panel(view: View, room: int) -> Panel:
    """Draw the newest lines of one part's log, or of all of them."""
    if view.log_of is None:
        title, place = "log of all parts", view.data / "logs"
        lines = _merged(view.statuses, room - 2)
    else:
        status = view.statuses[view.log_of]
        title, place = f"log of {status.part.name}", status.log.path
        lines = [_log_text(line) for line in list(status.log.lines)[-(room - 2) :]]
    body = Text("\n", no_wrap=True, overflow="ellipsis").join(lines)
    return Panel(
        body,
        title=Text(title, "default"),
        title_align="left",
        subtitle=_short(place),
        subtitle_align="right",
        border_style="bright_black",
        height=room,
    )


def _merged(statuses: Sequence[Status], room: int) -> list[Text]:
    newest = [(line, status) for status in statuses for line in list(status.log.lines)[-room:]]
    newest.sort(key=lambda each: each[0].at)
    width = max(len(status.part.name) for status in statuses)
    return [
        Text.assemble((f"{status.part.name:<{width}} ", "bold"), _log_text(line))
        for line, status in newest[-room:]
    ]


def _log_text(line: LogLine) -> Text:
    # Most lines are of level info: to say so would cost room and tell nothing.
    level = "" if line.level == "info" else line.level
    style = "red" if line.is_error else _LEVELS.get(level, "")
    return Text.assemble(
        (f"{line.time} " if line.time else "", "bright_black"),
        (f"{level} " if level else "", style),
        line.event,
        (f"  {line.details}", "bright_black"),
    )


def _footer(view: View) -> Text:
    if view.ending:
        return Text(" Ctrl-C again kills at once", "bright_black", no_wrap=True)
    names = {"q": "quit", "l": "next log", f"1-{len(view.statuses)}": "log of a part"}
    if view.log_of is not None:
        names["esc"] = "log of all"
    text = Text(" ", no_wrap=True, overflow="ellipsis")
    for key, what in names.items():
        text.append(key, "bold")
        text.append(f" {what}   ", "bright_black")
    return text
