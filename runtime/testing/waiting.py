"""Waiting for what happens on the other side of a connection."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

# For what must come. A busy machine lets a process stand still for seconds, more than once.
PATIENCE = timedelta(minutes=1)
PATIENCE_SECONDS = PATIENCE.total_seconds()


async def eventually(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Return as soon as the condition holds; TimeoutError where it does not in time."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 (nothing there sets an event)
            await asyncio.sleep(0.005)
