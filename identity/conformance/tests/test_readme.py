"""The tables of the README say which test proves what: each of those tests must be there."""

import re
from pathlib import Path

import pytest

IDENTITY = Path(__file__).parents[2]
README = (IDENTITY / "README.md").read_text()
FOLDERS = (IDENTITY, IDENTITY.parent / "runtime" / "auth")
DEFINED = {
    name
    for folder in FOLDERS
    for path in folder.glob("**/test_*.py")
    for name in re.findall(r"^ *(?:async )?def (test_\w+)\(", path.read_text(), re.MULTILINE)
}


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table in a chapter, without its head."""
    chapter = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    table = [line for line in chapter.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


@pytest.mark.parametrize(
    "heading",
    ["OpenID Connect: the Basic OP plan", "OAuth 2.0 Security: RFC 9700, point by point"],
)
def test_each_row_names_a_test_that_exists(heading: str) -> None:
    table = rows(heading)
    assert len(table) > 30
    for row in table:
        tests = re.findall(r"`(test_\w+)`", row[-1])
        assert tests or row[-1] == "not applicable", row
        assert not set(tests) - DEFINED, row


def test_what_the_text_names_exists_too() -> None:
    named = set(re.findall(r"`(test_\w+)`", README))
    assert not named - DEFINED
