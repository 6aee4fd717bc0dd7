"""A program in JavaScript runs with its npm packages, and on the loopback alone."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def said() -> dict[str, Any]:
    program = Path(os.environ["NODE_EXAMPLE"]) / "example.mjs"
    command = [os.environ["NODE_BIN"], str(program)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert run.returncode == 0, run.stderr
    answer: dict[str, Any] = json.loads(run.stdout)
    return answer


def test_node_is_the_toolchains(said: dict[str, Any]) -> None:
    assert said["node"].startswith("v24.")


def test_a_package_is_imported(said: dict[str, Any]) -> None:
    assert said["subject"] == "alice"


def test_a_package_finds_the_packages_that_it_needs(said: dict[str, Any]) -> None:
    assert said["token_endpoint"] == f"{said['issuer']}/token"


def test_what_a_package_does_not_bring_is_not_there(tmp_path: Path) -> None:
    program = tmp_path / "alone.mjs"
    program.write_text('import "openid-client";')
    command = [os.environ["NODE_BIN"], str(program)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert "ERR_MODULE_NOT_FOUND" in run.stderr
