"""Back-channel logouts to be told to clients: noted with the end of a session, told afterwards."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Text,
    and_,
    delete,
    func,
    insert,
    literal,
    select,
    tuple_,
    update,
)

from identity.model import Session
from identity.tables import grants, logout_notices, sessions
from runtime.clock import SECOND, Clock, Micros, now_micros
from runtime.database import Database

# How long a client may be away and still be told.
LIFETIME = 24 * 3600 * SECOND
# A replica that stops while it tells a client leaves it to the others after so long.
_LEASE = 60 * SECOND
_KEY = (logout_notices.c.sid, logout_notices.c.client_id)
_NOTICE = (*_KEY, logout_notices.c.user_id, logout_notices.c.attempts)


@dataclass(frozen=True, slots=True)
class Notice:
    """That a client is to hear of a session's end. `attempts` counts the one to be made."""

    sid: str
    client_id: str
    user_id: str
    attempts: int


def end_sessions(
    connection: Connection, which: ColumnElement[bool], now: Micros
) -> Sequence[Session]:
    """Delete sessions, and note that every client that was used in them is to be told."""
    columns = (sessions.c.sid, sessions.c.user_id, sessions.c.auth_time, sessions.c.expire_time)
    ending = delete(sessions).where(which).returning(*columns)
    ended = [Session(*row) for row in connection.execute(ending)]
    for session in ended:
        _insert_notices(connection, session, now)
    return ended


def _insert_notices(connection: Connection, session: Session, now: Micros) -> None:
    names = ("sid", "client_id", "user_id", "attempts", "next_time", "expire_time")
    rows = select(
        literal(session.sid, Text),
        grants.c.client_id,
        literal(session.user_id, Text),
        literal(0, BigInteger),
        literal(now, BigInteger),
        literal(now + LIFETIME, BigInteger),
    )
    used = rows.where(grants.c.sid == session.sid).distinct()
    connection.execute(insert(logout_notices).from_select(names, used))


class LogoutNotices:
    """Hands notices to whichever replica tells them, one at a time."""

    def __init__(self, database: Database, *, clock: Clock = now_micros) -> None:
        self._database = database
        self._clock = clock

    async def due_clients(self, beside: Collection[str], limit: int) -> Sequence[str]:
        """Return up to `limit` clients with notices that are due, without those in `beside`."""
        work = partial(_due_clients, now=self._clock(), beside=list(beside), limit=limit)
        return await self._database.read(work)

    async def claim(self, client_id: str, limit: int) -> Sequence[Notice]:
        """Take up to `limit` notices due for a client; nobody else gets them meanwhile."""
        work = partial(_claim, now=self._clock(), client_id=client_id, limit=limit)
        return await self._database.write(work)

    async def done(self, notice: Notice) -> None:
        """Forget a notice: the client knows, or wants none."""
        await self._database.write(partial(_done, notice=notice))

    async def postpone(self, notice: Notice, delay: timedelta) -> None:
        """Try again after a while."""
        at = self._clock() + delay // timedelta(microseconds=1)
        await self._database.write(partial(_postpone, notice=notice, at=at))

    async def postpone_due(self, client_id: str, delay: timedelta) -> None:
        """Let all that is due for a client wait for a while."""
        now = self._clock()
        at = now + delay // timedelta(microseconds=1)
        await self._database.write(partial(_postpone_due, now=now, client_id=client_id, at=at))

    async def purge(self, limit: int) -> int:
        """Give up on up to `limit` clients that stayed away too long; return how many."""
        return await self._database.write(partial(_purge, now=self._clock(), limit=limit))


def _is_due(now: Micros) -> ColumnElement[bool]:
    return (logout_notices.c.next_time <= now) & (logout_notices.c.expire_time > now)


def _due_clients(
    connection: Connection, now: Micros, beside: Sequence[str], limit: int
) -> Sequence[str]:
    client_id = logout_notices.c.client_id
    due = select(client_id).where(_is_due(now), client_id.not_in(beside)).group_by(client_id)
    longest_first = due.order_by(func.min(logout_notices.c.next_time)).limit(limit)
    return connection.execute(longest_first).scalars().all()


def _claim(connection: Connection, now: Micros, client_id: str, limit: int) -> Sequence[Notice]:
    is_due = _is_due(now) & (logout_notices.c.client_id == client_id)
    due = select(*_KEY).where(is_due).order_by(logout_notices.c.next_time).limit(limit)
    # Another replica's are skipped on PostgreSQL; on SQLite there is one writer at a time.
    mine = due.with_for_update(skip_locked=True)
    keys = [tuple(row) for row in connection.execute(mine)]
    claiming = (
        update(logout_notices)
        .where(tuple_(*_KEY).in_(keys))
        .values(attempts=logout_notices.c.attempts + 1, next_time=now + _LEASE)
        .returning(*_NOTICE)
    )
    return [Notice(*row) for row in connection.execute(claiming)] if keys else []


def _is(notice: Notice) -> ColumnElement[bool]:
    """Match a notice that nobody else has taken up since, its lease having passed."""
    return and_(
        logout_notices.c.sid == notice.sid,
        logout_notices.c.client_id == notice.client_id,
        logout_notices.c.attempts == notice.attempts,
    )


def _done(connection: Connection, notice: Notice) -> None:
    connection.execute(delete(logout_notices).where(_is(notice)))


def _postpone(connection: Connection, notice: Notice, at: Micros) -> None:
    connection.execute(update(logout_notices).where(_is(notice)).values(next_time=at))


def _postpone_due(connection: Connection, now: Micros, client_id: str, at: Micros) -> None:
    is_due = _is_due(now) & (logout_notices.c.client_id == client_id)
    connection.execute(update(logout_notices).where(is_due).values(next_time=at))


def _purge(connection: Connection, now: Micros, limit: int) -> int:
    old = select(*_KEY).where(logout_notices.c.expire_time <= now).limit(limit)
    keys = [tuple(row) for row in connection.execute(old)]
    if keys:
        connection.execute(delete(logout_notices).where(tuple_(*_KEY).in_(keys)))
    return len(keys)
