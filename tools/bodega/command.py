"""What a command is."""

import argparse
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tools.bodega.screen import Output
from tools.bodega.session import Session

type Arguments = argparse.Namespace
type Parser = argparse.ArgumentParser


@dataclass(frozen=True, slots=True)
class Command:
    """A command by its words (`products list`), with what it takes and does.

    It returns its result, or prints many itself and returns None.
    """

    words: tuple[str, ...]
    summary: str
    add_arguments: Callable[[Parser], None]
    run: Callable[[Session, Arguments], Awaitable[Output | None]]
    details: str = ""


def no_arguments(_parser: Parser) -> None:
    """Add nothing."""
