"""Writes the batches of a stream one at a time, while the next one is received and prepared."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Self

from runtime.errors import DomainError


class InOrder:
    """Runs one write at a time, in the order in which they came.

    Leaving the context waits for what is still being written, whatever ended the stream.
    """

    def __init__(self) -> None:
        self._writing: asyncio.Task[None] | None = None

    async def begin(self, write: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Begin a write, once the one before is done; raise what went wrong with that one."""
        await self.settle()
        self._writing = asyncio.create_task(write())

    async def settle(self) -> None:
        """Wait until all that was begun is durable; raise what went wrong with it."""
        writing, self._writing = self._writing, None
        if writing is not None:
            await writing

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        if self._writing is not None:
            await asyncio.wait((self._writing,))
            # The stream's own end is what its client hears of.
            self._writing.exception()


def locate(error: DomainError, batch_id: str, index: int) -> None:
    """Tell the client which batch of its stream the error is about."""
    where = {"batch_id": batch_id[:128], "batch_index": str(index)}
    error.metadata = {**error.metadata, **where}
