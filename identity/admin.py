"""Main of the admin program."""

import argparse
import asyncio
import json
from collections.abc import Sequence
from contextlib import AsyncExitStack

from identity.audit import Outcome, audit
from identity.clients.clients import Clients
from identity.commands import clients, keys, tokens, users
from identity.commands.command import Admin, Arguments, Command, Output
from identity.settings import AdminSettings
from runtime import errors, logs
from runtime.database_settings import open_migrated
from runtime.flags import add_flags, help_formatter, make_parser, settings_from
from runtime.main import StartError

COMMANDS: tuple[Command, ...] = (
    *clients.COMMANDS,
    *users.COMMANDS,
    *keys.COMMANDS,
    *tokens.COMMANDS,
)

_FAILED, _WRONG, _NOT_FOUND, _CONFLICT = 1, 2, 3, 4
_GROUPS = {
    ("client",): "who may ask for tokens",
    ("client", "secret"): "the secrets of a client: several at a time",
    ("user",): "who can log in",
    ("keys",): "what tokens are signed with",
    ("token",): "what was issued",
}
_EPILOG = """
Exit codes: 0 done, or nothing to do; 1 not possible now (database, files); 2 the command is
wrong; 3 there is no such thing; 4 what is there forbids it.
Durations: 500ms, 30s, 2m, 1h, 7d. A flag wins over its environment variable; the flags above may
also follow the command. The audit trail goes to standard error, the result to standard output."""
_JSON = "print the result, or the error, as JSON"


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    settings = settings_from(AdminSettings, parser, _settings_given(arguments))
    logs.configure("info")
    try:
        output = asyncio.run(_run(settings, arguments))
    except (StartError, errors.DomainError) as error:
        command = " ".join(arguments.command.words)
        audit("admin", Outcome.FAILURE, command=command, reason=_reason(error))
        parser.exit(_code(error), _complaint(parser.prog, error, as_json=arguments.as_json))
    print(json.dumps(output.data) if arguments.as_json else output.text)


async def _run(settings: AdminSettings, arguments: Arguments) -> Output:
    command: Command = arguments.command
    async with AsyncExitStack() as stack:
        database = await open_migrated(settings, "identity.migrations")
        stack.push_async_callback(database.close)
        return await command.run(Admin(settings, database, Clients(database)), arguments)


def _code(error: StartError | errors.DomainError) -> int:
    match error:
        case errors.InvalidArgument():
            return _WRONG
        case errors.NotFound():
            return _NOT_FOUND
        case errors.AlreadyExists() | errors.FailedPrecondition():
            return _CONFLICT
        case _:
            return _FAILED


def _complaint(program: str, error: StartError | errors.DomainError, *, as_json: bool) -> str:
    if not as_json:
        lines = error.violations if isinstance(error, errors.InvalidArgument) else [error]
        return "".join(f"{program}: {line}\n" for line in lines)
    return json.dumps({"error": _reason(error), "message": str(error)}) + "\n"


def _reason(error: StartError | errors.DomainError) -> str:
    return error.reason if isinstance(error, errors.DomainError) else "CANNOT_START"


def _settings_given(arguments: Arguments) -> dict[str, object]:
    return {
        name: value for name, value in vars(arguments).items() if name in AdminSettings.model_fields
    }


class _LinesKept(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of the list of commands."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32, width=100)


def _line(command: Command) -> str:
    return f"  {' '.join(command.words):<28}  {command.summary}"


def _parser() -> argparse.ArgumentParser:
    parser = make_parser(AdminSettings, usage="%(prog)s COMMAND … [flags]")
    parser.formatter_class = _LinesKept
    parser.epilog = "\n".join(["commands:", *map(_line, COMMANDS), _EPILOG])
    parser.add_argument("--json", dest="as_json", action="store_true", default=False, help=_JSON)
    add_flags(parser, AdminSettings)
    groups: dict[tuple[str, ...], argparse._SubParsersAction[argparse.ArgumentParser]] = {}
    groups[()] = parser.add_subparsers(help=argparse.SUPPRESS, metavar="COMMAND", required=True)
    for command in COMMANDS:
        _add_command(groups, command)
    return parser


def _add_command(
    groups: dict[tuple[str, ...], argparse._SubParsersAction[argparse.ArgumentParser]],
    command: Command,
) -> None:
    for depth in range(1, len(command.words)):
        words = command.words[:depth]
        if words not in groups:
            group = groups[words[:-1]].add_parser(
                words[-1],
                help=_GROUPS[words],
                description=f"{_GROUPS[words][0].upper()}{_GROUPS[words][1:]}.",
                allow_abbrev=False,
                formatter_class=help_formatter,
            )
            groups[words] = _subparsers(group)
    leaf = groups[command.words[:-1]].add_parser(
        command.words[-1],
        help=command.summary,
        description=f"{command.summary[0].upper()}{command.summary[1:]}. {command.details}",
        epilog=f"The flags of the program are listed by: {_program()} --help",
        allow_abbrev=False,
        formatter_class=help_formatter,
        argument_default=argparse.SUPPRESS,
    )
    command.add_arguments(leaf)
    leaf.add_argument(
        "--json", dest="as_json", action="store_true", default=argparse.SUPPRESS, help=_JSON
    )
    add_flags(leaf, AdminSettings, hidden=True)
    leaf.set_defaults(command=command)


def _subparsers(
    parser: argparse.ArgumentParser,
) -> argparse._SubParsersAction[argparse.ArgumentParser]:
    return parser.add_subparsers(title="commands", metavar="COMMAND", required=True)


def _program() -> str:
    return str(AdminSettings.model_config["cli_prog_name"])


if __name__ == "__main__":
    main()
