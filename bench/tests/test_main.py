from pathlib import Path

import pytest

from bench.main import BENCHMARKS, SLOW, chosen, parse_arguments


def test_without_flags_all_but_the_slow_ones_run() -> None:
    assert set(chosen(parse_arguments([]))) == BENCHMARKS.keys() - SLOW


def test_all_are_all() -> None:
    assert set(chosen(parse_arguments(["--all"]))) == BENCHMARKS.keys()


def test_benchmarks_can_be_chosen_slow_ones_too() -> None:
    flags = ["--only", "start", "--only", "memory", "--only", "start"]
    assert chosen(parse_arguments(flags)) == ["start", "memory"]


@pytest.mark.parametrize(
    "flags", [["--only", "none"], ["--rounds", "0"], ["--seconds", "0"], ["--seconds", "x"]]
)
def test_a_wrong_flag_ends_with_2(flags: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse_arguments(flags)


def test_help_describes_every_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        parse_arguments(["--help"])
    printed = capsys.readouterr().out
    for name, module in BENCHMARKS.items():
        assert f"{name} " in printed
        assert str(module.__doc__) in printed


def test_a_file_is_where_the_user_typed_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BUILD_WORKING_DIRECTORY", str(tmp_path))
    assert parse_arguments(["--json", "out.json"]).json == tmp_path / "out.json"
