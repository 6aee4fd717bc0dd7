"""Waiting for what happens on the other side of a connection."""

import asyncio
from collections.abc import Callable


async def eventually(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Return as soon as the condition holds; TimeoutError where it does not in time."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 (nothing there sets an event)
            await asyncio.sleep(0.005)
