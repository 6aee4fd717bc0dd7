"""The cookies, as safe as the issuer's scheme allows."""

from starlette.requests import Request
from starlette.responses import Response


class Cookies:
    """Sets and reads `bodega` and its kin.

    Over https they are Secure and named __Host-…, so that no other host, and nobody on the
    network, can plant one. Over http, which is for development on the loopback address, they can be
    neither: Chromium would take them, Safari and most HTTP clients would not.
    """

    def __init__(self, *, secure: bool) -> None:
        self._secure = secure
        prefix = "__Host-" if secure else ""
        self.session = f"{prefix}bodega"
        # Of a browser without a session: what its forms are bound to.
        self.visit = f"{prefix}bodega-visit"
        # Of a browser in which somebody has logged in: that the lock of an account spares it.
        self.known = f"{prefix}bodega-known"

    def read(self, request: Request, name: str) -> str | None:
        """Return a cookie's value."""
        return request.cookies.get(name) or None

    def set(self, response: Response, name: str, value: str, *, max_age: int | None = None) -> None:
        """Set a cookie; without `max_age` it goes with the browser."""
        response.set_cookie(
            name,
            value,
            max_age=max_age,
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )

    def clear(self, response: Response, name: str) -> None:
        """Take a cookie away."""
        self.set(response, name, "", max_age=0)
