"""Where a command's results go: tables to people, JSON to programs."""

import json
import os
import sys
from dataclasses import dataclass

from rich.console import Console, RenderableType

from tools.bodega.failure import Exit, Failure
from tools.bodega.tables import plain

# Wider than any table: only a terminal has an edge at which to wrap.
_NO_EDGE = 100_000


@dataclass(frozen=True, slots=True)
class Output:
    """What a command says, to programs and to people, and whether all was done."""

    data: object
    view: RenderableType
    code: Exit = Exit.DONE


class Screen:
    """Standard output for results, standard error for everything else."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def show(self, output: Output) -> None:
        """Print a result: one JSON document, or what people read."""
        if self.as_json:
            print(json.dumps(output.data, indent=2, ensure_ascii=False), flush=True)
        else:
            _print(output.view)

    def event(self, output: Output) -> None:
        """Print one of many: one line of JSON, or what people read."""
        if self.as_json:
            print(json.dumps(output.data, ensure_ascii=False), flush=True)
        else:
            _print(output.view)

    def note(self, text: str) -> None:
        """Tell a person something that is no result."""
        if not self.as_json:
            Console(stderr=True, soft_wrap=True, highlight=False).print(plain(text), style="dim")

    def fail(self, program: str, failure: Failure) -> None:
        """Say what is wrong and what to do next."""
        if self.as_json:
            said = {"error": failure.reason, "message": failure.message, "hint": failure.hint}
            print(json.dumps(said, ensure_ascii=False), file=sys.stderr)
            return
        console = Console(stderr=True, soft_wrap=True, highlight=False)
        for each in failure.message.splitlines() or [failure.reason]:
            console.print(plain(f"{program}: {each}"), style="red")
        if failure.hint:
            console.print(plain(failure.hint))


def _print(view: RenderableType) -> None:
    """Print to the width of a terminal; elsewhere without an edge and without trailing blanks."""
    if sys.stdout.isatty():
        Console(highlight=False).print(view)
        return
    console = Console(width=_NO_EDGE, highlight=False, color_system=None)
    with console.capture() as captured:
        console.print(view)
    for each in captured.get().splitlines():
        print(each.rstrip())
    sys.stdout.flush()


def give_up_output() -> None:
    """Let Python end without a word where whoever read our output has left."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
