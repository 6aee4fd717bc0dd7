"""The command that lets a shell complete the others."""

import sys

import shtab

from tools.bodega.command import Arguments, Command, Parser
from tools.bodega.session import Session

SHELLS = ("bash", "zsh", "fish")


async def _complete(_session: Session, arguments: Arguments) -> None:
    from tools.bodega.parser import make_parser_of_all  # noqa: PLC0415 (it knows this command)

    sys.stdout.write(shtab.complete(make_parser_of_all(lists_groups=True), arguments.shell))


def _add_shell(parser: Parser) -> None:
    parser.add_argument("shell", choices=SHELLS, help="which shell")


COMMANDS = (
    Command(
        ("completion",),
        "print what makes a shell complete all this",
        _add_shell,
        _complete,
        'For bash: eval "$(bodega completion bash)" in ~/.bashrc; for zsh: into a file _bodega of'
        " your fpath; for fish: into ~/.config/fish/completions/bodega.fish.",
    ),
)
