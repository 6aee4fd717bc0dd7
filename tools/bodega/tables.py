"""Tables for people. What comes from a server is text and nothing else: no markup, no escapes."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

_ZERO_WIDTH_JOINER = "\u200d"  # Emojis are made with it.


@dataclass(frozen=True, slots=True)
class Column:
    """A column: amounts and numbers stand to the right, and only `flexible` ones may wrap."""

    title: str
    right: bool = False
    flexible: bool = False


def plain(text: str) -> Text:
    """Return the text without anything that a terminal would obey."""
    return Text("".join(map(_harmless, text)))


def _harmless(character: str) -> str:
    if character.isprintable() or character in {"\n", _ZERO_WIDTH_JOINER}:
        return character
    return " " if character.isspace() else "\N{REPLACEMENT CHARACTER}"


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> Table:
    """Return rows below the titles of their columns."""
    made = _table(columns)
    for row in rows:
        made.add_row(*map(plain, row))
    return made


def with_totals(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], totals: Sequence[tuple[str, str]]
) -> Table:
    """Return such rows and sums below the last two columns, the last of them the one to pay."""
    made = table(columns, rows)
    if rows:
        made.add_section()
    for name, value in totals:
        cells = [Text() for _ in columns[:-2]]
        style = "bold" if (name, value) == totals[-1] else ""
        made.add_row(*cells, plain(name), plain(value), style=style)
    return made


def details(pairs: Sequence[tuple[str, str]]) -> Table:
    """Return names and values below one another; those without a value are left out."""
    made = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in pairs:
        if value:
            made.add_row(name, plain(value))
    return made


def line(*cells: str) -> RenderableType:
    """Return one event in a line."""
    return plain("  ".join(cell for cell in cells if cell))


def _table(columns: Sequence[Column]) -> Table:
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        made.add_column(
            column.title,
            justify="right" if column.right else "left",
            no_wrap=not column.flexible,
            overflow="fold",
        )
    return made
