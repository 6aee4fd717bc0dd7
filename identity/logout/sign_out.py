"""The end of a session, and of all that goes with it."""

from collections.abc import Callable

from identity.model import Session
from identity.users.sessions import Sessions


class SignOut:
    """Ends a session with what was granted in it, and lets its clients know."""

    def __init__(self, sessions: Sessions, wake: Callable[[], None]) -> None:
        """`wake` is called when there are clients to be told."""
        self._sessions = sessions
        self._wake = wake

    async def end(self, session: Session) -> bool:
        """End it; return whether it was still there."""
        ended = await self._sessions.end(session.sid)
        self._wake()
        return ended is not None
