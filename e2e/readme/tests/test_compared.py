"""docs/compared-with-the-seed.md says which test proves what: each of those tests must be there."""

import re
from itertools import groupby
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "compared-with-the-seed.md").read_text()
LINK = re.compile(r"\[`(test_\w+)`\]\((\S+?)\)")
FAULTS = 17


def rows() -> list[list[str]]:
    """Return the cells of the table, without its head."""
    table = [line for line in PAGE.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def is_there(name: str, link: str) -> bool:
    """Whether the file that is linked has a test of that name."""
    text = (DOCS / link).read_text()
    return re.search(rf"^ *(?:async )?def {name}\(", text, re.MULTILINE) is not None


def test_each_row_names_tests_that_are_there() -> None:
    for number, did, does, tests in rows():
        assert all((did, does)), number
        found = LINK.findall(tests)
        assert found, number
        assert not [name for name, link in found if not is_there(name, link)], number


def test_every_fault_has_its_rows_in_order() -> None:
    numbers = [re.fullmatch(r"(\d+)([a-z]?)", cells[0]) for cells in rows()]
    named = [(int(number[1]), number[2]) for number in numbers if number]
    assert len(named) == len(rows())
    assert [number for number, _ in groupby(named, key=lambda each: each[0])] == [
        *range(1, FAULTS + 1)
    ]
    for _, group in groupby(named, key=lambda each: each[0]):
        letters = "".join(letter for _, letter in group)
        assert letters in {"", "abcdefgh"[: len(letters)]}


def test_no_test_is_named_without_its_link() -> None:
    assert len(re.findall(r"\btest_\w+`", PAGE)) == len(LINK.findall(PAGE))
