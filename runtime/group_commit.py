"""One writer thread that commits whatever waits as one transaction."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from sqlalchemy import Connection

from runtime import errors
from runtime.sqlite_connection import driver, translate

# Bounds of one transaction: beyond them the first work would wait too long for its answer.
_MAX_GROUP = 512
_MAX_GROUP_SECONDS = 0.05


@dataclass(slots=True)
class _Write:
    """A work that waits, and in the end its outcome."""

    work: Callable[[Connection], Any]
    done: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None

    def settle(self) -> None:
        if self.done.done():
            return
        if self.error is None:
            self.done.set_result(self.result)
        else:
            self.done.set_exception(self.error)


class GroupWriter:
    """Runs works on its own thread and answers each after the COMMIT that holds it.

    Each work has a savepoint, so one that fails undoes its own writes and not its neighbours'.
    Submit and close belong to one event loop.
    """

    def __init__(self, connection: Connection, *, max_waiting: int) -> None:
        self._connection = connection
        self._driver = driver(connection)
        self._control = self._driver.cursor().execute
        self._max_waiting = max_waiting
        self._waiting = 0
        self._queue: SimpleQueue[_Write | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._stopped: asyncio.Future[None] | None = None
        self._thread = Thread(target=self._run, name="sqlite-writer", daemon=True)
        self._thread.start()

    async def submit[T](self, work: Callable[[Connection], T]) -> T:
        """Run the work in the next transaction; return its result once that is durable."""
        if self._stopped is not None:
            raise errors.Unavailable("the database is closing", reason="DATABASE_CLOSING")
        if self._waiting >= self._max_waiting:
            raise errors.ResourceExhausted("too many writes wait", reason="TOO_MANY_WRITES")
        done: asyncio.Future[T] = self._loop.create_future()
        self._waiting += 1
        self._queue.put(_Write(work, done))
        return await done

    async def close(self) -> None:
        """Commit what was submitted, then end the thread and close the connection."""
        if self._stopped is None:
            self._stopped = self._loop.create_future()
            self._queue.put(None)
        await asyncio.shield(self._stopped)

    def _settle(self, group: list[_Write]) -> None:
        self._waiting -= len(group)
        for write in group:
            write.settle()

    def _settle_stopped(self) -> None:
        assert self._stopped is not None  # noqa: S101  (close put the sentinel)
        self._stopped.set_result(None)

    # Below: on the writer's thread.

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            group = [first]
            self._commit(group)
            self._loop.call_soon_threadsafe(self._settle, group)
        self._driver.close()
        self._loop.call_soon_threadsafe(self._settle_stopped)

    def _commit(self, group: list[_Write]) -> None:
        """Run the group, which grows by what arrives meanwhile, in one transaction."""
        try:
            self._begin(group)
            for write in self._growing(group):
                self._attempt(write)
            self._control("COMMIT")
        except Exception as error:  # noqa: BLE001  (each caller gets it)
            if self._driver.in_transaction:
                self._control("ROLLBACK")
            for write in group:
                # One instance each, because raising an exception writes a traceback into it.
                write.error = _group_error(error)

    def _begin(self, group: list[_Write]) -> None:
        try:
            self._control("BEGIN IMMEDIATE")
        except sqlite3.Error:
            # They all waited for this lock. Trying anew for each would make the last wait for ever.
            while write := self._take():
                group.append(write)
            raise

    def _growing(self, group: list[_Write]) -> Iterator[_Write]:
        yield group[0]
        end = time.monotonic() + _MAX_GROUP_SECONDS
        while len(group) < _MAX_GROUP and time.monotonic() < end and (write := self._take()):
            group.append(write)
            yield write

    def _take(self) -> _Write | None:
        try:
            write = self._queue.get_nowait()
        except Empty:
            return None
        if write is None:
            self._queue.put(None)  # The sentinel is for _run.
        return write

    def _attempt(self, write: _Write) -> None:
        if write.done.cancelled():
            return
        self._control("SAVEPOINT work")
        try:
            write.result = write.work(self._connection)
        except BaseException as error:
            if not self._driver.in_transaction:
                raise  # SQLite rolled back everything, the neighbours' writes too.
            self._control("ROLLBACK TO work")
            write.error = translate(error)
        if not self._driver.in_transaction:
            raise RuntimeError("a work ended the transaction, which others share")
        self._control("RELEASE work")


def _group_error(error: Exception) -> BaseException:
    translated = translate(error)
    if translated is not error:
        return translated
    failed = RuntimeError("the transaction failed")
    failed.__cause__ = error
    return failed
