"""What no handler foresaw: the caller learns that something failed, the log learns what."""

import json
from collections.abc import Callable
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, ExceptionHandler, Message, Receive, Scope, Send

from identity.http.limits import BodyTooLargeError
from runtime.errors import Transient
from runtime.logs import get_logger

log = get_logger(__name__)

# Makes the page of a status, for people.
type ErrorPage = Callable[[int], Response]

# The names that RFC 6749 §4.1.2.1 has for what went wrong on our side.
_NAMES = {
    HTTPStatus.SERVICE_UNAVAILABLE: "temporarily_unavailable",
    HTTPStatus.INTERNAL_SERVER_ERROR: "server_error",
}


class Failures:
    """Answers with a status and a word, in JSON or for a person; never with the error's text."""

    def __init__(self, app: ASGIApp, error_page: ErrorPage) -> None:
        self._app = app
        self._error_page = error_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve; once an answer has begun, all that is left is to break it off."""
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except ClientDisconnect:
            return
        except Exception as error:
            status = _status(error)
            if status is HTTPStatus.INTERNAL_SERVER_ERROR:
                log.exception("request failed", path=scope["path"])
            if begun:
                raise
            await _answer(scope, status, self._error_page)(scope, receive, send)


def unmatched(error_page: ErrorPage) -> ExceptionHandler:
    """Return what answers where no route does: with a page, or with nothing but the status."""

    async def answer(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        if "text/html" not in request.headers.get("accept", ""):
            return Response(None, error.status_code, error.headers)
        page = error_page(error.status_code)
        page.headers.update(error.headers or {})
        return page

    return answer


def _status(error: Exception) -> HTTPStatus:
    match error:
        case BodyTooLargeError():
            return HTTPStatus.CONTENT_TOO_LARGE
        case Transient():
            return HTTPStatus.SERVICE_UNAVAILABLE
        case _:
            return HTTPStatus.INTERNAL_SERVER_ERROR


def _answer(scope: Scope, status: HTTPStatus, error_page: ErrorPage) -> Response:
    headers = {"Cache-Control": "no-store", "Connection": "close"}
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "1"
    if "text/html" in Headers(scope=scope).get("accept", ""):
        page = error_page(status)
        page.headers.update(headers)
        return page
    body = json.dumps({"error": _NAMES.get(status, "invalid_request")})
    return Response(body, status, headers, "application/json")
