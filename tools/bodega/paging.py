"""Listings page by page (AIP-158)."""

import argparse
from collections.abc import Awaitable, Callable

from tools.bodega.command import Arguments, Parser
from tools.bodega.screen import Screen

LARGEST_PAGE = 1000
DEFAULT_LIMIT = 50


async def pages[T](
    ask: Callable[[int, str], Awaitable[tuple[list[T], str]]], arguments: Arguments
) -> tuple[list[T], str]:
    """Return what was asked for, and the token of the page after it.

    `ask` takes the size and the token of a page, and returns the page and the token of the next.
    """
    found: list[T] = []
    token: str = arguments.page
    while True:
        left = LARGEST_PAGE if arguments.all else arguments.limit - len(found)
        page, token = await ask(min(left, LARGEST_PAGE), token)
        found += page
        if not token or (len(found) >= arguments.limit and not arguments.all):
            return found, token


def tell_of_more(screen: Screen, found: int, token: str) -> None:
    """Say that there are more, or none at all."""
    if token:
        screen.note(f"There are more: --page {token}, or --all")
    elif not found:
        screen.note("There are none.")


def add_paging(parser: Parser) -> None:
    """Add the flags that `pages` reads."""
    limit = f"how many at most [default {DEFAULT_LIMIT}]"
    parser.add_argument("--limit", default=DEFAULT_LIMIT, type=_count, metavar="N", help=limit)
    parser.add_argument("--all", action="store_true", default=False, help="without a limit")
    parser.add_argument(
        "--page", default="", metavar="TOKEN", help="go on where the page before ended"
    )


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number
