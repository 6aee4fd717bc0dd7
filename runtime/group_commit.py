"""Commits many writes as one transaction, because an fsync costs more than all of them."""

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from typing import Any

from sqlalchemy import Connection

from runtime import errors
from runtime.reason import Reason
from runtime.sqlite_connection import driver, translate
from runtime.sqlite_inspection import Inspection
from runtime.write_outage import WriteOutage

# Bounds of one transaction: the loop serves nobody else while its works run.
_MAX_GROUP = 512
_MAX_GROUP_SECONDS = 0.005


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
    """Runs all works that wait in one transaction, and answers them once it is committed.

    Each work after the first has a savepoint, so one that fails undoes its own writes alone; the
    first, should it fail, ends its group at once, with nobody else in it.
    Works run on the loop, as reads do: sqlite3 lets go of the GIL at every row, and a thread that
    writes beside a busy loop gets it back so late that it is 2 to 5 times as slow. What waits for
    a device or for another process has a thread: the COMMIT, and a lock that is taken.
    """

    def __init__(
        self, connection: Connection, file: Inspection, *, busy_timeout: float, max_waiting: int
    ) -> None:
        self._connection = connection
        self._file = file
        self._driver = driver(connection)
        self._control = self._driver.cursor().execute
        self._control("PRAGMA busy_timeout = 0")  # On the loop nothing waits; see _begin.
        self._busy_timeout = busy_timeout
        self._max_waiting = max_waiting
        self._waiting: deque[_Write] = deque()
        self._arrived = asyncio.Event()
        self._closing = False
        self._outage = WriteOutage()
        self._thread = _WaitingThread(name="sqlite-writer")
        self._task = asyncio.create_task(self._serve(), name="sqlite-writer")

    async def submit[T](self, work: Callable[[Connection], T]) -> T:
        """Run the work in the next transaction; return its result once that is durable."""
        if self._closing:
            raise errors.Unavailable("the database is closing", reason=Reason.DATABASE_CLOSING)
        if len(self._waiting) >= self._max_waiting:
            raise errors.ResourceExhausted("too many writes wait", reason=Reason.TOO_MANY_WRITES)
        write = _Write(work, asyncio.get_running_loop().create_future())
        self._waiting.append(write)
        self._arrived.set()
        result: T = await write.done
        return result

    async def close(self) -> None:
        """Commit what was submitted, then let go of the file."""
        self._closing = True
        self._arrived.set()
        await asyncio.shield(self._task)

    async def _serve(self) -> None:
        while self._waiting or not self._closing:
            if self._waiting:
                await self._commit_group()
            else:
                self._arrived.clear()
                await self._arrived.wait()
        self._thread.stop()
        self._driver.close()

    async def _commit_group(self) -> None:
        group: list[_Write] = []
        try:
            await self._begin()
            self._run_works(group)
            if self._driver.in_transaction:
                await self._thread.call(lambda: self._control("COMMIT"))
        except Exception as error:  # noqa: BLE001  (each caller gets it)
            self._abandon(group, error)
        self._note(group)
        for write in group:
            write.settle()

    def _note(self, group: list[_Write]) -> None:
        """Note whether the database took them, whatever became of each."""
        failures = (each.error for each in group)
        away = next((each for each in failures if isinstance(each, errors.Unavailable)), None)
        if away is not None:
            self._outage.failed(away)
        elif group:
            self._outage.succeeded()

    async def _begin(self) -> None:
        self._file.require()
        try:
            self._control("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            # The low byte: another process may be recovering the file (SQLITE_BUSY_RECOVERY).
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            await self._thread.call(self._begin_patiently)

    def _begin_patiently(self) -> None:
        self._control(f"PRAGMA busy_timeout = {self._busy_timeout * 1000:.0f}")
        try:
            self._control("BEGIN IMMEDIATE")
        finally:
            self._control("PRAGMA busy_timeout = 0")

    def _run_works(self, group: list[_Write]) -> None:
        end = time.monotonic() + _MAX_GROUP_SECONDS
        while self._waiting and len(group) < _MAX_GROUP:
            write = self._waiting.popleft()
            if write.done.cancelled():
                continue
            group.append(write)
            if len(group) == 1:
                # Nothing else to save yet. A savepoint makes SQLite copy every page that a work
                # touches: half as much again for an import, whose batches nearly always come alone.
                self._attempt(write, undo="ROLLBACK")
            else:
                self._control("SAVEPOINT work")
                self._attempt(write, undo="ROLLBACK TO work")
                self._control("RELEASE work")
            if not self._driver.in_transaction or time.monotonic() > end:
                return

    def _attempt(self, write: _Write, *, undo: str) -> None:
        try:
            write.result = write.work(self._connection)
        except Exception as error:
            if not self._driver.in_transaction:
                raise  # SQLite undid everything, the neighbours' writes too.
            self._control(undo)
            self._clear_refused_commit()
            write.error = translate(error)
        else:
            if not self._driver.in_transaction:
                raise RuntimeError("a work ended the transaction, which others share")

    def _clear_refused_commit(self) -> None:
        """Let go of the transaction that SQLAlchemy holds to be broken after a refused commit."""
        transaction = self._connection.get_transaction()
        if transaction is not None and not transaction.is_active:
            self._connection.rollback()

    def _abandon(self, group: list[_Write], error: Exception) -> None:
        """Undo the transaction and give its failure to all of the group."""
        if not group:
            # No file or no lock, so no work ran. The others waited for the lock as long; the last
            # must not wait for one such time after the other.
            group.extend(self._waiting)
            self._waiting.clear()
        with suppress(sqlite3.Error):  # Should it fail, the next BEGIN says so.
            if self._driver.in_transaction:
                self._control("ROLLBACK")
        for write in group:
            # One instance each, because raising an exception writes a traceback into it.
            write.error = _group_error(error)


def _group_error(error: Exception) -> BaseException:
    translated = translate(error)
    if translated is not error:
        return translated
    failed = RuntimeError("the transaction failed")
    failed.__cause__ = error
    return failed


class _WaitingThread:
    """A thread for calls that wait outside of Python."""

    def __init__(self, *, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._calls: SimpleQueue[tuple[Callable[[], object], asyncio.Future[None]] | None]
        self._calls = SimpleQueue()
        Thread(target=self._run, name=name, daemon=True).start()

    async def call(self, function: Callable[[], object]) -> None:
        """Run the function on the thread; raise what it raises."""
        done: asyncio.Future[None] = self._loop.create_future()
        self._calls.put((function, done))
        await done

    def stop(self) -> None:
        """End the thread once it has done what it was asked."""
        self._calls.put(None)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            function, done = call
            error: BaseException | None = None
            try:
                function()
            except BaseException as raised:  # noqa: BLE001  (call raises it)
                error = raised
            with suppress(RuntimeError):  # The loop is closed, and nobody waits any more.
                self._loop.call_soon_threadsafe(_settle, done, error)


def _settle(done: asyncio.Future[None], error: BaseException | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
