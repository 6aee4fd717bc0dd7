from datetime import UTC, datetime
from pathlib import Path

import pytest

from discount.codes_file import apply_codes_file, load_codes_file
from discount.model import FixedAmounts, Percentage
from discount.store import Store
from discount.tests.examples import NOW, instant
from runtime.main import StartError

GOOD = """
[[discount]]
code = "ten"
percent = "12.5"

[[discount]]
code = "FIVE"
description = "Five off"
amounts = { EUR = "5.00", JPY = "700" }
start = 2027-01-01T00:00:00Z
end = 2027-01-02T01:00:00+01:00
redemption_limit = 3
active = false
"""


TEN = "[[discount]]\ncode = 'A'\npercent = '1'\n"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "codes.toml"
    path.write_text(text)
    return path


def test_a_file_is_read(tmp_path: Path) -> None:
    drafts = load_codes_file(written(tmp_path, GOOD))
    assert list(drafts) == ["TEN", "FIVE"]
    assert drafts["TEN"].benefit == Percentage(1250)
    assert drafts["TEN"].active
    five = drafts["FIVE"]
    assert five.benefit == FixedAmounts({"EUR": 500, "JPY": 700})
    assert five.start_time is not None
    assert five.end_time is not None
    assert instant(five.start_time) == datetime(2027, 1, 1, tzinfo=UTC)
    assert instant(five.end_time) == datetime(2027, 1, 2, tzinfo=UTC)
    assert (five.redemption_limit, five.active) == (3, False)


async def test_what_is_there_stays_as_it_is(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    await apply_codes_file(path, store, NOW)
    changed = await store.update("TEN", None, {"description": "By hand"}, NOW)
    await store.delete("FIVE", None)
    await apply_codes_file(path, store, NOW + 1)
    found = await store.get_many(["TEN", "FIVE"])
    assert found["TEN"] == changed
    assert found["FIVE"].create_time == NOW + 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("discount = 1", "discount: must be written as [[discount]]"),
        ("[[code]]", "code: only [[discount]] is known here"),
        ("[[discount]", "is no TOML"),
        ("[[discount]]\npercent = '1'", "discount 1: code: is required"),
        ("[[discount]]\ncode = 'A'", "discount A: percent: or amounts must be given"),
        ("[[discount]]\ncode = 'A'\npercent = 10", "discount A: percent: must be a text"),
        ("[[discount]]\ncode = 'A'\npercent = '0.001'", "discount A: percent: must be more than 0"),
        ("[[discount]]\ncode = 'A'\npercent = '-0.01'", "percent: must be more than 0"),
        ("[[discount]]\ncode = 'A'\npercent = 'NaN'", "percent: must be more than 0"),
        ("[[discount]]\ncode = 'A'\npercent = '100.01'", "percent: must be more than 0"),
        ("[[discount]]\ncode = 'A B'\npercent = '1'", "discount A B: code: must be 1 to 40"),
        ("[[discount]]\ncode = 'A'\namounts = { EUR = '1.001' }", "A: amounts.EUR: must have"),
        ("[[discount]]\ncode = 'A'\namounts = { EUR = '0.00' }", "amounts.EUR: must be more than"),
        ("[[discount]]\ncode = 'A'\namounts = {}", "amounts: must name at least one currency"),
        ("[[discount]]\ncode = 'A'\npercent = '1'\nlimit = 3", "A: limit: is none of"),
        ("[[discount]]\ncode = 'A'\npercent = '1'\nactive = 1", "A: active: must be true or false"),
        (
            "[[discount]]\ncode = 'A'\npercent = '1'\nstart = 2027-01-01",
            "A: start: must be a time with its offset",
        ),
        (
            f"{TEN}start = 2027-01-01T00:00:00Z\nend = 2026-01-01T00:00:00Z",
            "A: end: must be later than start_time",
        ),
        (TEN * 2, "A: code: must not stand twice"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(StartError) as refused:
        load_codes_file(written(tmp_path, text))
    assert said in str(refused.value)
    assert str(tmp_path) in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"--codes: .*nowhere\.toml: No such file"):
        load_codes_file(tmp_path / "nowhere.toml")
