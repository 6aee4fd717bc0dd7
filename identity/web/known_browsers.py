"""Browsers in which a user has logged in before, which no lock of their account keeps out.

This is the OWASP's "device cookie": who guesses passwords elsewhere locks the account for unknown
browsers only. It lets nobody in, and has a count of failures of its own.
"""

import hashlib
import hmac
import secrets

from identity.secrets import same
from runtime.clock import SECOND, Clock, now_micros

LIFETIME_SECONDS = 180 * 24 * 3600


class KnownBrowsers:
    """Makes and reads the cookie."""

    def __init__(self, key: bytes, *, clock: Clock = now_micros) -> None:
        self._key = key
        self._clock = clock

    def make(self, username: str) -> str:
        """Return a cookie for the browser of a (folded) username."""
        nonce, time = secrets.token_hex(16), str(self._clock())
        return f"{nonce}.{time}.{self._mac(nonce, time, username)}"

    def read(self, cookie: str | None, username: str) -> str | None:
        """Return what a browser is known by, where it is known for this user."""
        match (cookie or "").split("."):
            case [nonce, time, mac]:
                expected = self._mac(nonce, time, username)
                if same(mac.encode("utf-8", "surrogatepass"), expected.encode()):
                    is_fresh = self._clock() - int(time) < LIFETIME_SECONDS * SECOND
                    return nonce if is_fresh else None
        return None

    def _mac(self, nonce: str, time: str, username: str) -> str:
        message = "\0".join((nonce, time, username)).encode("utf-8", "surrogatepass")
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()
