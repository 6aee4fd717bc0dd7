"""What the program asks and tells."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from e2e.shop.chaos.chaos import parse_arguments
from e2e.shop.chaos.ledger import Code, Ledger, Token
from e2e.shop.chaos.report import report
from e2e.shop.chaos.run import Outcome


def outcome(faults: Sequence[str]) -> Outcome:
    ledger = Ledger()
    ledger.sent(Code("ONE", 1)).acknowledged = True
    ledger.sent(Code("TWO", 1))
    ledger.sent(Token()).acknowledged = True
    return Outcome({"product": 1_234, "cart": 5}, ledger, faults)


def words(faults: Sequence[str]) -> list[list[str]]:
    return [line.split() for line in report(outcome(faults))]


def test_kills_and_writes_are_told_by_part_and_kind() -> None:
    told = words([])
    assert told.index(["cart", "5"]) < told.index(["product", "1,234"])
    assert ["created", "codes", "1", "1"] in told
    assert ["tokens", "1", "0"] in told
    assert ["created", "carts", "0", "0"] in told


def test_a_run_without_a_fault_is_well() -> None:
    assert [line[0] for line in words([])].count("✓") == 1
    assert "✗" not in [line[0] for line in words([])]


def test_faults_are_listed_and_counted() -> None:
    told = [*report(outcome([f"fault {n}" for n in range(1_000)]))]
    assert "✗ fault 0" in told
    assert told[-1] == "✗ 1,000 faults"
    assert len(told) < 100


def test_the_flags_name_a_time_and_a_seed() -> None:
    found = parse_arguments(["--for", "30s", "--seed", "7"])
    assert (found.duration, found.seed) == (timedelta(seconds=30), 7)
    found = parse_arguments([])
    assert (found.duration, found.seed) == (timedelta(minutes=5), None)


@pytest.mark.parametrize("flags", [["--for", "soon"], ["--seed", "x"], ["--fast"]])
def test_a_wrong_flag_ends_it_with_2(flags: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_arguments(flags)
    assert ended.value.code == 2
