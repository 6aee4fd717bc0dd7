"""No request is larger than any honest one."""

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BODY_BYTES = 64 * 1024


class BodyTooLargeError(Exception):
    """The body has more bytes than MOST_BODY_BYTES."""


class BodyLimit:
    """Refuses a body by its announced length, or as soon as it has become too long."""

    def __init__(self, app: ASGIApp, most: int = MOST_BODY_BYTES) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, reading no more than the limit."""
        if scope["type"] != "http" or scope["method"] in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
            return
        announced = HTTPConnection(scope).headers.get("content-length", "0")
        if not announced.isascii() or not announced.isdigit() or int(announced) > self._most:
            raise BodyTooLargeError
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._most:
                raise BodyTooLargeError
            return message

        await self._app(scope, counted, send)
