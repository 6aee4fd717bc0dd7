"""Authlib's core is synchronous; its hooks wait for the database all the same.

The core runs in a greenlet on the event loop's own thread: where a hook waits, the greenlet steps
aside and the loop goes on. Nothing of it moves to another thread, so nothing needs a lock.
"""

from collections.abc import Awaitable, Callable

from sqlalchemy.util import await_only, greenlet_spawn


async def run[*A, T](function: Callable[[*A], T], *arguments: *A) -> T:
    """Call a synchronous function that may `wait`."""
    return await greenlet_spawn(function, *arguments)


def wait[T](awaitable: Awaitable[T]) -> T:
    """Wait for something, anywhere below `run`."""
    return await_only(awaitable)
