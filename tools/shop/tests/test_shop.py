"""The shop as a user starts it: a process of its own, with small real parts."""

import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

type Start = Callable[..., Any]
type Gone = Callable[[int], bool]

GOOD = {"a": {"flags": ["--items", "3"], "progress": True}, "b": {"needs": ["a"]}}


def test_a_good_run_ends_with_zero_and_a_summary(shop: Start) -> None:
    code, out, _ = shop(GOOD, "--for", "1s").end()
    assert code == 0
    assert "3 items" in out
    assert "all was well" in out


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--failed", "2"], "a had 2 calls that ended with INTERNAL"),
        (["--log-error"], "a logged an error once: something is wrong"),
        (["--exit-on-sigterm", "5"], "a ended with code 5 when asked to end"),
        (["--items", "0"], "a made no progress: items is still 0"),
    ],
)
def test_a_bad_run_ends_with_one_and_the_reason(shop: Start, flags: list[str], reason: str) -> None:
    spec = {"a": {"flags": ["--items", "3", *flags], "progress": True}}
    code, out, _ = shop(spec, "--for", "1s").end()
    assert code == 1
    assert reason in out
    assert "last lines of" in out or "no progress" in reason or "INTERNAL" in reason


def test_a_part_that_does_not_end_when_asked_is_a_bad_run(shop: Start) -> None:
    spec = {"a": {"flags": ["--ignore-sigterm"]}}
    code, out, _ = shop(spec, "--for", "1s", "--grace", "200ms").end()
    assert code == 1
    assert "a did not end when asked, and was killed" in out


def test_a_restart_is_a_bad_run(shop: Start, tmp_path: Path) -> None:
    spec = {"a": {"flags": ["--die-at-first-start", str(tmp_path / "died")]}}
    code, out, _ = shop(spec, "--for", "1s").end()
    assert code == 1
    assert "a was restarted once: exited with code 1: no luck today" in out


def test_a_run_that_is_cut_short_is_not_well(shop: Start) -> None:
    running = shop(GOOD, "--for", "1h")
    running.read_until("b: healthy")
    running.process.send_signal(signal.SIGINT)
    code, out, _ = running.end()
    assert code == 1
    assert "the run was interrupted" in out


def test_a_taken_port_is_told_before_anything_starts(shop: Start, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        code, out, err = shop(GOOD, "--b-metrics-port", str(port)).end()
    assert code == 2
    assert f"port {port} for b-metrics is taken" in err
    assert "--b-metrics-port" in err
    assert out == ""
    assert not (tmp_path / "data" / "logs").exists()


def test_two_shops_do_not_share_a_folder(shop: Start, tmp_path: Path) -> None:
    first = shop(GOOD)
    first.read_until("b: healthy")
    code, _, err = shop(GOOD).end()
    assert code == 2
    assert f"{tmp_path / 'data'} is in use by another shop (pid {first.process.pid})" in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_parts_in_reverse_order(shop: Start, number: int) -> None:
    running = shop(GOOD)
    running.read_until("b: healthy")
    running.process.send_signal(number)
    code, out, _ = running.end()
    assert code == 0
    steps = ["b: stopping", "b: stopped", "a: stopping", "a: stopped"]
    assert sorted(steps, key=out.index) == steps


def test_a_second_signal_kills_at_once(shop: Start, gone: Gone) -> None:
    running = shop({"a": {"flags": ["--ignore-sigterm"]}}, "--grace", "1h")
    pid = running.pid_of("a")
    running.read_until("a: healthy")
    running.process.send_signal(signal.SIGINT)
    running.read_until("a: stopping")
    running.process.send_signal(signal.SIGINT)
    running.end()
    assert gone(pid)


def test_a_second_hang_up_leaves_the_parts_their_grace(shop: Start) -> None:
    running = shop({"a": {"flags": ["--ignore-sigterm"]}}, "--grace", "2s")
    running.read_until("a: healthy")
    asked = time.monotonic()
    running.process.send_signal(signal.SIGHUP)
    running.read_until("a: stopping")
    running.process.send_signal(signal.SIGHUP)
    running.end()
    assert time.monotonic() - asked >= 2


def test_nothing_outlives_a_shop_that_is_killed(shop: Start, gone: Gone) -> None:
    running = shop(GOOD)
    pids = [running.pid_of("a"), running.pid_of("b")]
    running.read_until("b: healthy")
    running.process.kill()
    running.process.wait(60)
    assert all(gone(pid) for pid in pids)


def test_a_shop_whose_reader_leaves_ends_its_parts(shop: Start, gone: Gone) -> None:
    running = shop(GOOD)
    pids = [running.pid_of("a"), running.pid_of("b")]
    running.read_until("b: healthy")
    running.process.stdout.close()
    os.kill(pids[1], signal.SIGKILL)
    running.process.wait(60)
    assert all(gone(pid) for pid in pids)


def test_an_ephemeral_folder_is_gone_at_the_end(shop: Start) -> None:
    running = shop(GOOD, "--ephemeral", "--for", "1s")
    data = Path(running.read_until("data and logs in").split()[-1])
    assert data.is_dir()
    assert running.end()[0] == 0
    assert not data.exists()


def test_a_folder_is_taken_from_where_the_user_is(shop: Start, tmp_path: Path) -> None:
    env = os.environ | {"BUILD_WORKING_DIRECTORY": str(tmp_path)}
    running = shop(GOOD, "--data", "mine", "--for", "500ms", env=env)
    assert running.end()[0] == 0
    assert (tmp_path / "mine" / "logs" / "a.log").exists()


def test_wrong_flags_are_told(shop: Start) -> None:
    code, _, err = shop(GOOD, "--for", "soon").end()
    assert code == 2
    assert "--for: must be a duration" in err
    code, _, err = shop(GOOD, "--ephemeral", "--data", "x").end()
    assert code == 2
    assert "exclude each other" in err
