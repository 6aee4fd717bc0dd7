"""Browsers in which somebody has logged in, each known by a cookie whose digest is kept."""

import uuid
from datetime import timedelta
from functools import partial

from sqlalchemy import Connection, Row, delete, insert, select, update

from identity.grants.grants import end_session_grants
from identity.logout.logout_notices import end_sessions
from identity.model import Session
from identity.secrets import digest, new_secret
from identity.tables import sessions, users
from runtime.clock import SECOND, Clock, Micros, now_micros
from runtime.database import Database

_SESSION = (sessions.c.sid, sessions.c.user_id, sessions.c.auth_time, sessions.c.expire_time)


class Sessions:
    """Starts, finds and ends sessions.

    One lives for `lifetime` after the log-in, and for `idle` after it was last used.
    """

    def __init__(
        self,
        database: Database,
        *,
        lifetime: timedelta,
        idle: timedelta,
        clock: Clock = now_micros,
    ) -> None:
        self._database = database
        self._lifetime = lifetime // timedelta(microseconds=1)
        self._idle = idle // timedelta(microseconds=1)
        # A use is noted only so often: a page is no reason to write.
        self._noted_every = min(self._idle // 10, 60 * SECOND)
        self._clock = clock

    async def start(self, user_id: str, cookie: str | None = None) -> tuple[str, Session]:
        """Return a new cookie and its session, after the user has proved who they are.

        The cookie that the browser came with is worth nothing from then on (session fixation).
        Where it was the same user's, this is the same session, by `sid`: what its clients
        were told of it stays true.
        """
        secret, now = new_secret(), self._clock()
        session = Session(str(uuid.uuid4()), user_id, now, now + self._lifetime)
        work = partial(_start, session=session, new=digest(secret), old=digest(cookie or secret))
        return secret, await self._database.write(work)

    async def current(self, cookie: str | None) -> Session | None:
        """Return the session of a cookie, and note that it is used."""
        if not cookie:
            return None
        now, key = self._clock(), digest(cookie)
        work = partial(_find, key=key, now=now, unused_since=now - self._idle)
        row = await self._database.read(work, snapshot=False)
        if row is None:
            return None
        if row.last_use_time <= now - self._noted_every:
            await self._database.write(partial(_touch, key=key, now=now))
        return Session(row.sid, row.user_id, row.auth_time, row.expire_time)

    async def end(self, sid: str) -> Session | None:
        """End a session, of which its clients will be told; return it if this call ended it.

        What was granted in it ends with it, in one transaction: what is being granted at this
        moment either was there in time to end as well, or finds no session any more.
        """
        return await self._database.write(partial(_end, sid=sid, now=self._clock()))

    async def purge(self, limit: int) -> int:
        """Forget up to `limit` sessions that are over; return how many."""
        now = self._clock()
        work = partial(_purge, now=now, unused_since=now - self._idle, limit=limit)
        return await self._database.write(work)


def _start(connection: Connection, session: Session, new: bytes, old: bytes) -> Session:
    is_theirs = (sessions.c.digest == old) & (sessions.c.user_id == session.user_id)
    times = {
        "auth_time": session.auth_time,
        "last_use_time": session.auth_time,
        "expire_time": session.expire_time,
    }
    rotating = update(sessions).where(is_theirs).values(digest=new, **times).returning(*_SESSION)
    row = connection.execute(rotating).first()
    if row is not None:
        return Session(*row)
    connection.execute(
        insert(sessions).values(digest=new, sid=session.sid, user_id=session.user_id, **times)
    )
    return session


def _find(
    connection: Connection, key: bytes, now: Micros, unused_since: Micros
) -> Row[str, str, int, int, int] | None:
    return connection.execute(
        select(*_SESSION, sessions.c.last_use_time)
        .join(users, users.c.user_id == sessions.c.user_id)
        .where(
            sessions.c.digest == key,
            sessions.c.expire_time > now,
            sessions.c.last_use_time > unused_since,
            users.c.disabled.is_(False),
        )
    ).first()


def _touch(connection: Connection, key: bytes, now: Micros) -> None:
    is_older = (sessions.c.digest == key) & (sessions.c.last_use_time < now)
    connection.execute(update(sessions).where(is_older).values(last_use_time=now))


def _end(connection: Connection, sid: str, now: Micros) -> Session | None:
    ended = end_sessions(connection, sessions.c.sid == sid, now)
    end_session_grants(connection, sid, now)
    return next(iter(ended), None)


def _purge(connection: Connection, now: Micros, unused_since: Micros, limit: int) -> int:
    is_over = (sessions.c.expire_time <= now) | (sessions.c.last_use_time <= unused_since)
    some = select(sessions.c.digest).where(is_over).limit(limit)
    return connection.execute(delete(sessions).where(sessions.c.digest.in_(some))).rowcount
