"""The tree of commands, as argparse has it."""

import argparse

from runtime.flags import add_flags, help_formatter, make_parser
from tools.bodega.command import Command, Parser
from tools.bodega.commands import cart, completion, discounts, login, products
from tools.bodega.settings import BodegaSettings

COMMANDS: tuple[Command, ...] = (
    *login.COMMANDS,
    *products.COMMANDS,
    *discounts.COMMANDS,
    *cart.COMMANDS,
    *completion.COMMANDS,
)

_GROUPS = {
    "products": "the catalogue",
    "discounts": "discount codes, for whoever runs the shop",
    "cart": "your cart; with --owner somebody else's, for whoever runs the shop",
}
_EPILOG = """
Exit codes: 0 done; 1 refused or failed; 2 the command is wrong; 3 not logged in; 4 there is no
such thing; 5 the shop does not answer; 130 Ctrl-C. The flags above may also follow the command;
a flag wins over its environment variable. `bodega COMMAND --help` says more."""
_JSON = "print JSON: one document, or a line for each event; errors too"


class _LinesKept(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of the list of commands."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32, width=100)


def make_parser_of_all(*, lists_groups: bool = False) -> Parser:
    """Return the parser of the whole program.

    Its help has all commands; with `lists_groups` it has the first words instead, which is what
    completion looks at.
    """
    parser = make_parser(BodegaSettings, usage="%(prog)s COMMAND … [flags]")
    parser.formatter_class = _LinesKept
    parser.epilog = "\n".join(["commands:", *map(_line, COMMANDS), _EPILOG])
    parser.suggest_on_error = True
    parser.add_argument("--json", dest="as_json", action="store_true", default=False, help=_JSON)
    add_flags(parser, BodegaSettings)
    groups: dict[str, argparse._SubParsersAction[Parser]] = {
        "": _subparsers(parser, None if lists_groups else argparse.SUPPRESS)
    }
    for command in COMMANDS:
        _add_command(groups, command)
    return parser


def _subparsers(parser: Parser, text: str | None = None) -> argparse._SubParsersAction[Parser]:
    """Let commands follow; without one, the help of the group is what there is to say."""
    parser.set_defaults(command=None, group=parser)
    if text is not None:
        return parser.add_subparsers(help=text, metavar="COMMAND")
    return parser.add_subparsers(title="commands", metavar="COMMAND")


def _add_command(groups: dict[str, argparse._SubParsersAction[Parser]], command: Command) -> None:
    *group, word = command.words
    name = " ".join(group)
    if name not in groups:
        made = groups[""].add_parser(
            name,
            help=_GROUPS[name],
            description=f"{_GROUPS[name][0].upper()}{_GROUPS[name][1:]}.",
            allow_abbrev=False,
            formatter_class=help_formatter,
            suggest_on_error=True,
            argument_default=argparse.SUPPRESS,
        )
        groups[name] = _subparsers(made)
    leaf = groups[name].add_parser(
        word,
        help=command.summary,
        description=f"{command.summary[0].upper()}{command.summary[1:]}. {command.details}",
        epilog="The flags of the program are listed by: bodega --help",
        allow_abbrev=False,
        formatter_class=help_formatter,
        argument_default=argparse.SUPPRESS,
    )
    command.add_arguments(leaf)
    leaf.add_argument("--json", dest="as_json", action="store_true", help=_JSON)
    add_flags(leaf, BodegaSettings, hidden=True)
    leaf.set_defaults(command=command)


def _line(command: Command) -> str:
    return f"  {' '.join(command.words):<18}  {command.summary}"
