"""The session in which something is granted: it must still be there when the grant is."""

from sqlalchemy import Connection, select

from identity.asking import SessionEnded
from identity.tables import sessions


def hold_session(connection: Connection, sid: str | None) -> None:
    """Keep a session from ending before the transaction does; SessionEnded where it has.

    Whoever ends it deletes its row first, which waits for us, and then revokes what was granted
    in it, with what we grant. On SQLite there is one writer at a time anyway.
    """
    row = select(sessions.c.sid).where(sessions.c.sid == sid)
    held = row.with_for_update(read=True, key_share=True)
    if connection.scalar(held) is None:
        raise SessionEnded
