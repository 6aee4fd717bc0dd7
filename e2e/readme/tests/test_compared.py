"""Pages that say which test proves what: each of those tests must be there."""

import re
from itertools import groupby
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs"
SEED = (DOCS / "compared-with-the-seed.md").read_text()
WIRE = (DOCS / "wire.md").read_text()
LINK = re.compile(r"\[`(test_\w+)`\]\((\S+?)\)")
FAULTS = 17


# A line of dashes below the head of a table.
RULE = re.compile(r"^[|-]+$")

pages = pytest.mark.parametrize("page", [SEED, WIRE], ids=["seed", "wire"])


def rows(page: str) -> list[list[str]]:
    """Return the cells of the tables of a page, without their heads."""
    table = [line for line in page.splitlines() if line.startswith("|")]
    heads = {at for rule, line in enumerate(table) if RULE.match(line) for at in (rule - 1, rule)}
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for at, line in enumerate(table)
        if at not in heads
    ]


def is_there(name: str, link: str) -> bool:
    """Whether the file that is linked has a test of that name."""
    text = (DOCS / link).read_text()
    return re.search(rf"^ *(?:async )?def {name}\(", text, re.MULTILINE) is not None


@pages
def test_each_row_names_tests_that_are_there(page: str) -> None:
    for row in rows(page):
        assert len(row) == 4, row
        assert all(row), row
        found = LINK.findall(row[-1])
        assert found, row
        assert not [name for name, link in found if not is_there(name, link)], row


def test_every_fault_has_its_rows_in_order() -> None:
    numbers = [re.fullmatch(r"(\d+)([a-z]?)", cells[0]) for cells in rows(SEED)]
    named = [(int(number[1]), number[2]) for number in numbers if number]
    assert len(named) == len(rows(SEED))
    assert [number for number, _ in groupby(named, key=lambda each: each[0])] == [
        *range(1, FAULTS + 1)
    ]
    for _, group in groupby(named, key=lambda each: each[0]):
        letters = "".join(letter for _, letter in group)
        assert letters in {"", "abcdefgh"[: len(letters)]}


@pages
def test_no_test_is_named_without_its_link(page: str) -> None:
    assert len(re.findall(r"\btest_\w+`", page)) == len(LINK.findall(page))


def test_every_test_of_the_wire_is_in_its_page() -> None:
    named = {name for name, _ in LINK.findall(WIRE)}
    for file in (DOCS.parent / "runtime" / "tests" / "wire").glob("test_*.py"):
        assert set(re.findall(r"^async def (test_\w+)\(", file.read_text(), re.MULTILINE)) <= named
