"""Wakes those who watch a cart."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class CartHub:
    """Knows who watches which cart, and wakes them when it has changed.

    It holds no changes: each watcher reads the cart from the database at its own pace.
    """

    def __init__(self) -> None:
        self._watchers: dict[str, set[asyncio.Event]] = {}

    def changed(self, owner: str) -> None:
        """Tell of a change of the owner's cart that is committed."""
        for woken in self._watchers.get(owner, ()):
            woken.set()

    @contextmanager
    def watching(self, owner: str) -> Iterator[asyncio.Event]:
        """Yield an event that every change of the owner's cart sets; who waits clears it."""
        woken = asyncio.Event()
        self._watchers.setdefault(owner, set()).add(woken)
        try:
            yield woken
        finally:
            self._watchers[owner].discard(woken)
            if not self._watchers[owner]:
                del self._watchers[owner]
