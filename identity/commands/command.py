"""What a command of the admin program is, and what it works with."""

import argparse
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from identity.clients.clients import Clients
from identity.settings import AdminSettings
from runtime.clock import SECOND, Clock, Micros, now_micros
from runtime.database import Database
from runtime.duration import parse_duration

type Arguments = argparse.Namespace


@dataclass(frozen=True, slots=True)
class Admin:
    """The settings and the database that a command works on."""

    settings: AdminSettings
    database: Database
    clients: Clients
    clock: Clock = now_micros


@dataclass(frozen=True, slots=True)
class Output:
    """What a command says: to programs (`--json`), and to people."""

    data: object
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command by its words (`client create`), with what it takes and does."""

    words: tuple[str, ...]
    summary: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[Admin, Arguments], Awaitable[Output]]
    details: str = ""


def no_arguments(_parser: argparse.ArgumentParser) -> None:
    """Add nothing."""


def duration(text: str) -> timedelta:
    """Read an argument that is a duration."""
    try:
        value = parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not isinstance(value, timedelta) or value < timedelta(0):
        raise argparse.ArgumentTypeError("must be a duration")
    return value


def shown(time: Micros | None) -> str | None:
    """Return a time as RFC 3339."""
    if time is None:
        return None
    return datetime.fromtimestamp(time / SECOND, UTC).isoformat(timespec="seconds")


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return rows below their heads, in columns."""
    cells = [list(heads), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in cells
    )
    return "\n".join(line.rstrip() for line in lines)


def _cell(value: object) -> str:
    match value:
        case None | "":
            return "-"
        case True:
            return "yes"
        case False:
            return "no"
        case _:
            return str(value)
