"""The end of a session, and of all that goes with it."""

from collections.abc import Callable

from identity.grants.grants import Grants
from identity.model import Session
from identity.users.sessions import Sessions


class SignOut:
    """Ends a session, what was granted in it, and lets its clients know."""

    def __init__(self, sessions: Sessions, grants: Grants, wake: Callable[[], None]) -> None:
        """`wake` is called when there are clients to be told."""
        self._sessions = sessions
        self._grants = grants
        self._wake = wake

    async def end(self, session: Session) -> bool:
        """End it; return whether it was still there.

        The grants go first: should we fail in between, the user sees that they are still logged
        in, and not a session gone with its tokens alive.
        """
        await self._grants.revoke_session(session.sid)
        ended = await self._sessions.end(session.sid)
        self._wake()
        return ended is not None
