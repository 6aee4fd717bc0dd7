"""How a process ends that cannot start."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from runtime.main import StartError, run


async def fail() -> None:
    raise StartError("--listen x: taken")


async def fail_in_a_group() -> None:
    async with asyncio.TaskGroup() as jobs:
        jobs.create_task(fail())
        await asyncio.Event().wait()


@pytest.mark.parametrize("main", [fail, fail_in_a_group])
def test_a_start_error_is_told_in_one_line(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with pytest.raises(SystemExit, match=r"^shop-server: --listen x: taken$"):
        run(main(), "shop-server")


def test_another_error_is_not_hidden() -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(broken())
