"""Forms that only our own pages can send (OWASP's signed double submit, bound to the session)."""

import base64
import hashlib
import hmac
from collections.abc import Mapping

from starlette.requests import Request

from identity.secrets import same

FIELD = "csrf"


class ForgedError(Exception):
    """A form that did not come from the page we gave this browser; the text is one word."""


class Csrf:
    """Makes and checks the token that each form carries.

    A token is bound to a cookie that only this browser has (its session's, or where there is none
    a visit's, which is what keeps an attacker from logging others in as themselves) and to what the
    form does. `origin` is the issuer's.
    """

    def __init__(self, key: bytes, origin: str) -> None:
        self._key = key
        self._origin = origin

    def token(self, cookie: str, action: str) -> str:
        """Return the token of a form."""
        message = b"\0".join(_bytes(part) for part in (cookie, action))
        return (
            base64.urlsafe_b64encode(hmac.digest(self._key, message, hashlib.sha256))
            .decode()
            .rstrip("=")
        )

    def check(
        self, request: Request, form: Mapping[str, str], cookie: str | None, action: str
    ) -> None:
        """Raise ForgedError for a form of another site, another browser or another page."""
        self._check_origin(request)
        if cookie is None:
            raise ForgedError("cookie")
        if not same(_bytes(form.get(FIELD, "")), _bytes(self.token(cookie, action))):
            raise ForgedError("token")

    def _check_origin(self, request: Request) -> None:
        """See what browsers say of where a form comes from. What is no browser says nothing."""
        if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            raise ForgedError("site")
        if request.headers.get("origin", self._origin).lower() != self._origin:
            raise ForgedError("origin")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
