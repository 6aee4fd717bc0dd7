"""Flags and `--help` for a settings class."""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from runtime.duration import format_duration


def load[S: BaseSettings](cls: type[S], argv: Sequence[str] | None = None) -> S:
    """Read the settings; on an error say which flag breaks which rule and exit with 2.

    `argv` has no program name; None means that of the process.
    """
    parser = make_parser(cls, usage="%(prog)s [flags]")
    add_flags(parser, cls)
    return settings_from(cls, parser, vars(parser.parse_args(argv)))


def settings_from[S: BaseSettings](
    cls: type[S], parser: argparse.ArgumentParser, given: dict[str, Any]
) -> S:
    """Make the settings of the flags given, by field; exit with 2 as `load` does."""
    try:
        return cls(**given)
    except ValidationError as error:
        parser.exit(2, "".join(f"{line}\n" for line in _complaints(cls, parser.prog, given, error)))


def program_name(cls: type[BaseSettings]) -> str:
    """Return the name that users know the program by: `cli_prog_name`, else that of its file."""
    return cls.model_config.get("cli_prog_name") or Path(sys.argv[0]).stem


def _complaints(
    cls: type[BaseSettings], prog: str, given: dict[str, object], error: ValidationError
) -> Iterator[str]:
    for problem in error.errors(include_url=False, include_context=False):
        rule = problem["msg"].removeprefix("Value error, ")
        if not problem["loc"]:
            yield f"{prog}: {rule}"
            continue
        name = str(problem["loc"][0])
        variable = _variable(cls, name)
        source = f" (from {variable})" if name not in given and variable in os.environ else ""
        rule = f"required (or set {variable})" if problem["type"] == "missing" else rule
        yield f"{prog}: {_flag(name)}{source}: {rule}"


def make_parser(cls: type[BaseSettings], usage: str | None = None) -> argparse.ArgumentParser:
    """Return a parser without flags that says what the program is."""
    return argparse.ArgumentParser(
        prog=program_name(cls),
        usage=usage,
        description=cls.__doc__,
        epilog="Durations: 500ms, 30s, 2m, 1h, 7d. A flag wins over its environment variable.",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
        formatter_class=help_formatter,
    )


def help_formatter(prog: str) -> argparse.HelpFormatter:
    """Lay out `--help`."""
    return argparse.HelpFormatter(prog, max_help_position=32, width=100)


def add_flags(
    parser: argparse.ArgumentParser, cls: type[BaseSettings], *, hidden: bool = False
) -> None:
    """Add a flag for each field; hidden ones are taken and not listed by `--help`."""
    for owner in _owners(cls):
        title = (owner.__doc__ or owner.__name__).partition("\n")[0]
        group = parser if hidden else parser.add_argument_group(title.rstrip("."))
        for name in _own_fields(cls, owner):
            _add_flag(group, cls, name, hidden=hidden)


def _owners(cls: type[BaseSettings]) -> list[type[BaseSettings]]:
    return [base for base in cls.__mro__ if issubclass(base, BaseSettings)]


def _own_fields(cls: type[BaseSettings], owner: type[BaseSettings]) -> list[str]:
    """Name the fields that the class has from `owner`, which first declares them."""
    inherited = {name for base in owner.__bases__ for name in getattr(base, "model_fields", ())}
    return [
        name for name in owner.model_fields if name in cls.model_fields and name not in inherited
    ]


def _add_flag(group: Any, cls: type[BaseSettings], name: str, *, hidden: bool) -> None:
    field = cls.model_fields[name]
    text = (
        argparse.SUPPRESS
        if hidden
        else f"{_description(cls, name)} [{_default(field)}; {_variable(cls, name)}]"
    )
    if bool in (field.annotation, *get_args(field.annotation)):
        group.add_argument(_flag(name), action=argparse.BooleanOptionalAction, help=text)
    else:
        group.add_argument(_flag(name), metavar=_metavar(field.annotation), help=text)


def _description(cls: type[BaseSettings], name: str) -> str:
    for owner in _owners(cls):
        field = owner.model_fields.get(name)
        if field is not None and field.description:
            return field.description.replace("%", "%%")
    message = f"{cls.__name__}.{name} has no description"
    raise TypeError(message)


def _default(field: FieldInfo) -> str:
    match field.get_default(call_default_factory=False):
        case _ if field.is_required():
            return "required"
        case timedelta() as value:
            return f"default {format_duration(value)}"
        case None:
            return "unset"
        case bool() as value:
            return "default on" if value else "default off"
        case value:
            return f"default {value}".replace("%", "%%")


def _metavar(annotation: object) -> str:
    if get_origin(annotation) is Literal:
        return "|".join(str(each) for each in get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return "|".join(annotation)
    text = str(annotation)
    for word, metavar in METAVARS.items():
        if word in text:
            return metavar
    return "TEXT"


METAVARS = {
    "Duration": "DURATION",
    "timedelta": "DURATION",
    "ListenAddress": "HOST:PORT|unix:PATH",
    "Address": "HOST:PORT",
    "Path": "PATH",
    "int": "N",
    "float": "X",
}


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _variable(cls: type[BaseSettings], name: str) -> str:
    return f"{cls.model_config['env_prefix']}{name}".upper()
