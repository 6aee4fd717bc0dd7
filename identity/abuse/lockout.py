"""Guessing made slow: after some failures a subject is locked, each time for twice as long.

An attempt is counted as a failure before it is made, and taken back when it succeeds: so a hundred
at once are a hundred, and not one. The longest lock is bounded, and a browser in which the user has
logged in before is a subject of its own, so that nobody can keep others out of their accounts.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from sqlalchemy import Connection, Row, Update, case, delete, select, update

from identity.settings import AbuseSettings
from identity.tables import failures
from runtime.clock import SECOND, Clock, Micros, now_micros
from runtime.database import Database
from runtime.statements import insert_into

type Failures = Row[str, int, int, int]

_MICROSECOND = timedelta(microseconds=1)
_COLUMNS = (
    failures.c.subject,
    failures.c["count"].label("failed"),
    failures.c.last_time,
    failures.c.locked_until,
)
# Failures that are older count no longer.
_FORGOTTEN_AFTER = 24 * 3600 * SECOND
_LONGEST_SUBJECT = 200
_ADDRESS = "address:"
# Many people share an address, behind one router.
ADDRESS_FACTOR = 10


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was counted: each subject, and the time until which that locks it (0: not at all).

    Where `wait` is not None nothing was: so many seconds must pass first.
    """

    locks: Sequence[tuple[str, Micros]]
    wait: int | None = None


class Lockout:
    """Counts failures per subject, for example `account:alice` or `address:192.0.2.7`."""

    def __init__(
        self, database: Database, settings: AbuseSettings, *, clock: Clock = now_micros
    ) -> None:
        self._database = database
        self._after = settings.lock_after
        self._base = settings.lock_base // _MICROSECOND
        self._most = settings.lock_most // _MICROSECOND
        self._clock = clock

    async def attempt(self, *subjects: str) -> Attempt:
        """Count an attempt against each subject, or against none where one of them is locked."""
        keys = sorted(map(_key, subjects))
        return await self._database.write(partial(self._attempt, keys=keys, now=self._clock()))

    async def succeed(self, attempt: Attempt) -> None:
        """Take an attempt back. An account starts anew; an address keeps its other failures.

        Who guesses other people's passwords could else clear them with a log-in of their own.
        """
        await self._database.write(partial(_succeed, attempt=attempt))

    async def purge(self, limit: int) -> int:
        """Forget up to `limit` subjects whose failures no longer count; return how many."""
        before = self._clock() - max(_FORGOTTEN_AFTER, self._most)
        return await self._database.write(partial(_purge, before=before, limit=limit))

    def _attempt(self, connection: Connection, keys: Sequence[str], now: Micros) -> Attempt:
        rows = _locked_rows(connection, keys, now)
        until = max((row.locked_until for row in rows), default=0)
        if until > now:
            return Attempt((), wait=-((now - until) // SECOND))
        return Attempt([self._count(connection, row, now) for row in rows])

    def _count(self, connection: Connection, row: Failures, now: Micros) -> tuple[str, Micros]:
        is_old = row.last_time < now - _FORGOTTEN_AFTER
        number = 1 if is_old else row.failed + 1
        until = self._lock(row.subject, number, now)
        values = {"count": number, "last_time": now, "locked_until": until}
        connection.execute(_one(row.subject).values(values))
        return row.subject, until

    def _lock(self, subject: str, number: int, now: Micros) -> Micros:
        after = self._after * ADDRESS_FACTOR if subject.startswith(_ADDRESS) else self._after
        if number < after:
            return 0
        # The exponent is bounded, for a number of thousands of digits is slow to compare.
        return now + min(self._base << min(number - after, 40), self._most)


def _key(subject: str) -> str:
    """Return the subject, or a digest of one that a database might not take."""
    if len(subject) <= _LONGEST_SUBJECT and subject.isprintable():
        return subject
    kind, colon, name = subject.partition(":")
    return kind + colon + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


def _locked_rows(connection: Connection, keys: Sequence[str], now: Micros) -> Sequence[Failures]:
    """Return a row for each subject, locked in one order so that no two attempts deadlock."""
    inserting = insert_into(failures, connection.dialect.name).on_conflict_do_nothing()
    new = [{"subject": key, "count": 0, "last_time": now, "locked_until": 0} for key in keys]
    connection.execute(inserting, new)
    rows = select(*_COLUMNS).where(failures.c.subject.in_(keys)).order_by(failures.c.subject)
    return connection.execute(rows.with_for_update()).all()


def _one(subject: str) -> Update:
    return update(failures).where(failures.c.subject == subject)


def _succeed(connection: Connection, attempt: Attempt) -> None:
    for subject, until in attempt.locks:
        if subject.startswith(_ADDRESS):
            _take_back(connection, subject, until)
        else:
            connection.execute(delete(failures).where(failures.c.subject == subject))


def _take_back(connection: Connection, subject: str, until: Micros) -> None:
    """Undo one count, and the lock if it is the one that this attempt set."""
    known = failures.c.locked_until
    is_ours = case((known == until, 0), else_=known)
    values = {"count": failures.c["count"] - 1, "locked_until": is_ours}
    connection.execute(_one(subject).where(failures.c["count"] > 0).values(values))


def _purge(connection: Connection, before: Micros, limit: int) -> int:
    some = select(failures.c.subject).where(failures.c.last_time < before).limit(limit)
    return connection.execute(delete(failures).where(failures.c.subject.in_(some))).rowcount
