"""What the README tells users to type does what it says."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

HEADING = "## Get a token, call an RPC"
BUF = "./bazelw run //:buf --"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run the shop as the README does, for a user who has just come; give their home folder."""
    home = tmp_path_factory.mktemp("home")
    ours = ("BODEGA_", "PYTHON", "RUNFILES_", "XDG_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    with subprocess.Popen(  # noqa: S603
        [os.environ["SHOP"]],
        env=env | {"HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as shop:
        assert shop.stdout is not None
        assert any("product-worker: healthy" in line for line in shop.stdout), "no healthy shop"
        yield home
        shop.terminate()
        shop.communicate(timeout=120)
    assert shop.returncode == 0


@pytest.fixture(scope="module")
def commands() -> str:
    """Return the section's first block; `bazel run` cannot be used within a test."""
    section = Path(os.environ["README"]).read_text().partition(HEADING)[2]
    block = re.search(r"```\n(.*?)```", section, re.DOTALL)
    assert block is not None
    assert BUF in block[1]
    return block[1].replace(BUF, os.environ["BUF"])


def typed(commands: str, home: Path) -> subprocess.CompletedProcess[str]:
    tools = Path(os.environ["CURL_BIN"]).parent
    return subprocess.run(  # noqa: S603
        ["/bin/bash", "-euo", "pipefail", "-c", commands],
        env=os.environ | {"HOME": str(home), "PATH": f"{tools}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_token_and_a_call_as_the_readme_says(home: Path, commands: str) -> None:
    done = typed(commands, home)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)["product"]
    assert (made["sku"], made["name"]) == ("chair-1", "Chair")
    assert made["price"] == {"currencyCode": "EUR", "units": "12", "nanos": 500000000}


def test_without_the_token_the_call_is_refused(home: Path, commands: str) -> None:
    changed = commands.replace("Bearer $TOKEN", "Bearer none")
    assert changed != commands
    done = typed(changed, home)
    assert done.returncode != 0
    assert json.loads(done.stderr)["code"] == "unauthenticated"
