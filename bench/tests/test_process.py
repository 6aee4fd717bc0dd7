import os
import sys
import time
from pathlib import Path

import pytest

from bench.benchmark import WrongResultError
from bench.process import Process, default_environment, listening, program, serving_address


def test_the_line_that_says_where_a_server_serves_is_found() -> None:
    assert serving_address(b'{"event": "serving", "address": "127.0.0.1:9"}') == "127.0.0.1:9"
    assert serving_address(b'{"event": "draining", "grace": 10.0}') is None
    assert serving_address(b"Traceback (most recent call last):") is None


async def test_a_server_that_does_not_start_is_told_with_its_own_words() -> None:
    with pytest.raises(WrongResultError, match=r"No module named bench\.nobody"):
        async with listening("bench.nobody"):
            pass


async def test_settings_of_the_services_do_not_reach_the_servers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BODEGA_PRODUCT_ENGINE", "grpcio")
    monkeypatch.setenv("GRPC_VERBOSITY", "debug")
    assert not {"BODEGA_PRODUCT_ENGINE", "GRPC_VERBOSITY"} & default_environment().keys()


def test_a_binary_is_run_with_its_own_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "ours")
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf" / "server").touch()
    command, environment = program("shelf.server", tmp_path)
    assert command == [str(tmp_path / "shelf" / "server")]
    assert "PYTHONPATH" not in environment


def test_a_module_that_is_no_binary_is_run_with_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "ours")
    command, environment = program("shelf.server", tmp_path)
    assert command == [sys.executable, "-m", "shelf.server"]
    assert environment["PYTHONPATH"] == "ours"


def test_what_a_process_used_is_what_it_says_itself() -> None:
    before = time.process_time()
    assert before <= Process("", os.getpid()).cpu_seconds() <= time.process_time()


def test_a_page_that_is_shared_counts_less_than_one_that_is_resident() -> None:
    process = Process("", os.getpid())
    assert 0 < process.memory.proportional() < process.memory.resident()
