"""That a user did what a request demands, so that it is not demanded again.

A client that says `prompt=login` says it still when the user comes back from logging in. A mark, in
the path they return by, tells the two apart. It is good for this request and this log-in alone.
"""

import hashlib
import hmac
from enum import StrEnum

from identity.model import Session
from identity.secrets import same
from runtime.clock import SECOND, Clock, now_micros

PARAMETER = "bodega_mark"
_LIFETIME = 600 * SECOND


class Did(StrEnum):
    """What a user did for a request."""

    LOG_IN = "login"
    CHOOSE = "account"


class Marks:
    """Makes and reads marks."""

    def __init__(self, key: bytes, *, clock: Clock = now_micros) -> None:
        self._key = key
        self._clock = clock

    def make(self, did: Did, session: Session, query: str) -> str:
        """Return the mark of an act."""
        time = str(self._clock())
        return f"{did}.{time}.{self._mac(did, time, session, query)}"

    def read(self, mark: str | None, session: Session | None, query: str) -> Did | None:
        """Return what was done for this request in this session, if anything."""
        match (mark or "").split("."):
            case [did, time, mac] if session is not None and did in set(Did):
                expected = self._mac(did, time, session, query)
                is_ours = same(mac.encode("utf-8", "surrogatepass"), expected.encode())
                return Did(did) if is_ours and self._is_fresh(time) else None
        return None

    def _is_fresh(self, time: str) -> bool:
        return self._clock() - int(time) < _LIFETIME

    def _mac(self, did: str, time: str, session: Session, query: str) -> str:
        fields = (did, time, session.sid, str(session.auth_time), query)
        message = "\0".join(fields).encode("utf-8", "surrogatepass")
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()
