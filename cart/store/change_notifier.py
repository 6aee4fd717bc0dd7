"""Wakes those who watch a cart."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import NoReturn

from cart.model import Stamp
from runtime.failure import report
from runtime.logs import get_logger

log = get_logger(__name__)


class Watch:
    """One who watches a cart: the state that it has read last, and whether there may be another."""

    def __init__(self) -> None:
        self.seen: Stamp | None = None
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Let who waits go on, or not begin to wait."""
        self._woken.set()

    async def wait(self) -> None:
        """Return once it was woken since the last time."""
        await self._woken.wait()
        self._woken.clear()


class CartHub:
    """Knows who watches which cart, and wakes them when it has changed.

    It holds no changes: each watcher reads the cart from the database at its own pace.
    """

    def __init__(self) -> None:
        self._watches: dict[str, set[Watch]] = {}

    @property
    def watched(self) -> int:
        """How many carts are watched."""
        return len(self._watches)

    def changed(self, owner: str) -> None:
        """Tell of a change of the owner's cart that is committed."""
        for watch in self._watches.get(owner, ()):
            watch.wake()

    @contextmanager
    def watching(self, owner: str) -> Iterator[Watch]:
        """Yield a watch that every change of the owner's cart wakes."""
        watch = Watch()
        self._watches.setdefault(owner, set()).add(watch)
        try:
            yield watch
        finally:
            self._watches[owner].discard(watch)
            if not self._watches[owner]:
                del self._watches[owner]

    async def follow(
        self,
        stamps: Callable[[Collection[str]], Awaitable[Mapping[str, Stamp]]],
        every: timedelta,
    ) -> NoReturn:
        """Ask for the states of the watched carts again and again, for what other replicas commit.

        A state is compared with what each watcher has read, not with what was asked before: a cart
        may be made and deleted again between two questions, and a watcher have read it meanwhile.
        """
        is_failing = False
        while True:
            await asyncio.sleep(every.total_seconds())
            if not self._watches:
                continue
            try:
                found = await stamps([*self._watches])
                is_failing = False
            except Exception as error:  # noqa: BLE001 (a corrupt file may be replaced, too)
                if not is_failing:
                    report(log, "changes of other replicas are not seen", error)
                is_failing = True
            else:
                self._compare(found)

    def _compare(self, found: Mapping[str, Stamp]) -> None:
        for owner, watches in self._watches.items():
            for watch in watches:
                if watch.seen != found.get(owner):
                    watch.wake()
