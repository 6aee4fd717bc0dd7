"""What a shell makes of the completion; bash is the one that is everywhere."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tools.bodega.commands.completion import SHELLS
from tools.bodega.parser import COMMANDS
from tools.bodega.tests.terminal import Terminal

BASH = shutil.which("bash")

# Asks bash as a press of the tab key does, with the words typed so far.
_PRESS = """
set -eu
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
COMP_LINE="${COMP_WORDS[*]}"
COMP_POINT=${#COMP_LINE}
set +u
"$(complete -p bodega | sed 's/.*-F \\([^ ]*\\).*/\\1/')" bodega "${COMP_WORDS[COMP_CWORD]}" ""
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
async def script(terminal: Terminal, tmp_path: Path) -> Path:
    path = tmp_path / "bodega.bash"
    path.write_text((await terminal.fine("completion", "bash")).out)
    return path


def press(script: Path, *words: str) -> set[str]:
    """Return what bash offers for the last of the words."""
    argv = [BASH or "bash", "--norc", "-c", _PRESS, "bash", str(script), "bodega", *words]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return set(done.stdout.split())


def test_bash_takes_the_script(script: Path) -> None:
    done = subprocess.run([BASH or "bash", "-n", script], capture_output=True, check=False)  # noqa: S603
    assert (done.returncode, done.stderr) == (0, b"")


def test_every_command_is_offered(script: Path) -> None:
    first = {command.words[0] for command in COMMANDS}
    assert press(script, "") >= first
    for word in first:
        rest = {
            command.words[1]
            for command in COMMANDS
            if command.words[:1] == (word,) and command.words[1:]
        }
        assert press(script, word, "") >= rest


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("pro",), {"products"}),
        (("products", "li"), {"list"}),
        (("products", "list", "--st"), {"--status"}),
        (("products", "list", "--status", ""), {"in_stock", "low", "out_of_stock"}),
        (("products", "list", "--order", "price_"), {"price_asc", "price_desc"}),
        (("completion", ""), {*SHELLS}),
        (("--prof",), {"--profile"}),
    ],
)
def test_what_was_begun_is_completed(
    script: Path, words: tuple[str, ...], offered: set[str]
) -> None:
    assert press(script, *words) == offered


@pytest.mark.parametrize("shell", SHELLS)
async def test_every_shell_gets_a_script(terminal: Terminal, shell: str) -> None:
    said = await terminal.fine("completion", shell)
    assert "bodega" in said.out
    assert "products" in said.out
