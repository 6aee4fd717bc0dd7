"""Main of the command line."""

import asyncio
import os
import sys
from collections.abc import Sequence

from runtime import errors, logs
from runtime.auth.issuer import IssuerError
from runtime.flags import settings_from
from tools.bodega.command import Arguments, Command
from tools.bodega.failure import Exit, Failure
from tools.bodega.login.oauth import OAuthError
from tools.bodega.parser import make_parser_of_all
from tools.bodega.screen import Screen, give_up_output
from tools.bodega.session import Session
from tools.bodega.settings import BodegaSettings

PROGRAM = "bodega"


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command."""
    # `bazel run` starts programs elsewhere; paths are the user's.
    os.chdir(os.environ.get("BUILD_WORKING_DIRECTORY", "."))
    logs.configure("error", "console")  # What a person must know is told, not logged.
    try:
        sys.exit(asyncio.run(perform(argv)))
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)


async def perform(argv: Sequence[str] | None) -> Exit:
    """Run one command, and say what it fails with."""
    parser = make_parser_of_all()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        arguments.group.print_help(sys.stderr)
        return Exit.USAGE
    given = {name: value for name, value in vars(arguments).items() if _is_setting(name)}
    settings = settings_from(BodegaSettings, parser, given)
    screen = Screen(as_json=arguments.as_json)
    try:
        return await _run(Session(settings, screen), arguments)
    except BrokenPipeError:
        give_up_output()
        return Exit.REFUSED
    except (Failure, IssuerError, OAuthError, errors.Unavailable) as error:
        failure = _told(error)
        screen.fail(PROGRAM, failure)
        return failure.code


async def _run(session: Session, arguments: Arguments) -> Exit:
    command: Command = arguments.command
    output = await command.run(session, arguments)
    if output is None:
        return Exit.DONE
    session.screen.show(output)
    return output.code


def _told(error: Exception) -> Failure:
    match error:
        case Failure():
            return error
        case OAuthError():
            return Failure(f"the issuer refuses: {error}", error.error.upper())
        case _:
            hint = "Is the identity server running? --issuer names another one."
            return Failure(str(error).removeprefix("no token: "), "ISSUER_AWAY", hint, Exit.AWAY)


def _is_setting(name: str) -> bool:
    return name in BodegaSettings.model_fields


if __name__ == "__main__":
    main()
