from io import StringIO

import pytest
from rich.console import Console

from tools.bodega.tables import Column, details, plain, table, with_totals

COLUMNS = (Column("NAME", flexible=True), Column("PRICE", right=True))


def drawn(view: object, width: int = 80) -> list[str]:
    console = Console(file=StringIO(), width=width, color_system=None)
    console.print(view)
    assert isinstance(console.file, StringIO)
    return [each.rstrip() for each in console.file.getvalue().splitlines()]


def test_amounts_stand_below_one_another_at_the_right() -> None:
    rows = [("Chair", "12.50 EUR"), ("Table", "1,234.00 EUR")]
    assert drawn(table(COLUMNS, rows)) == [
        "NAME          PRICE",
        "Chair     12.50 EUR",
        "Table  1,234.00 EUR",
    ]


def test_a_narrow_terminal_breaks_names_and_no_amounts() -> None:
    lines = drawn(table(COLUMNS, [("A chair with a long name", "12.50 EUR")]), width=20)
    assert len(lines) > 2
    assert "12.50 EUR" in lines[1]
    assert "".join(line[:9].strip() for line in lines[1:]).replace(" ", "") == "Achairwithalongname"


def test_sums_stand_below_the_amounts() -> None:
    lines = drawn(with_totals(COLUMNS, [("Chair", "12.50 EUR")], [("Total", "12.50 EUR")]))
    assert lines[-1] == "Total  12.50 EUR"


def test_what_has_no_value_is_left_out() -> None:
    assert drawn(details([("Name", "Chair"), ("Etag", "")])) == ["Name  Chair"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[red]x[/red]", "[red]x[/red]"),
        ("a\x1b[31mb", "a�[31mb"),
        ("a\u202eb", "a�b"),
        ("a\tb", "a b"),
        ("👩\u200d🔧", "👩\u200d🔧"),
    ],
)
def test_nothing_that_a_server_says_is_obeyed(text: str, shown: str) -> None:
    assert plain(text).plain == shown
