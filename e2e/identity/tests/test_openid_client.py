"""openid-client, which others wrote and certified, has nothing to object to the real server.

Each flow is a program in JavaScript (e2e/identity/client) with tests of its own.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("flow", "cases"),
    [
        ("discovery", 4),
        ("code", 10),
        ("par", 5),
        ("refresh", 6),
        ("client_credentials", 8),
        ("device", 4),
        ("tokens", 8),
        ("dpop", 4),
        ("logout", 4),
    ],
)
def test_openid_client(world: Path, flow: str, cases: int) -> None:
    program = Path(os.environ["OPENID_CLIENT"]) / f"{flow}.mjs"
    run = subprocess.run(  # noqa: S603 - the toolchain's own binary
        [os.environ["NODE_BIN"], "--test-reporter=tap", str(program)],
        env={"IDENTITY_WORLD": str(world)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    counts = dict(re.findall(r"^# (tests|pass|skipped|todo) (\d+)$", run.stdout, re.MULTILINE))
    assert counts == {"tests": str(cases), "pass": str(cases), "skipped": "0", "todo": "0"}
