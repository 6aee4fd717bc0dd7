"""The HTTP application: every route, and what surrounds each of them."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from starlette.types import ExceptionHandler

from identity.http.failures import ErrorPage, Failures, unmatched
from identity.http.limits import BodyLimit
from identity.http.metrics import Metrics
from identity.http.security_headers import SecurityHeaders


def make_app(routes: Sequence[BaseRoute], *, https: bool, error_page: ErrorPage) -> Starlette:
    """Return the application; outermost first, what each request passes through."""
    middleware = [
        Middleware(Metrics),
        Middleware(SecurityHeaders, https=https),
        Middleware(Failures, error_page=error_page),
        Middleware(BodyLimit),
    ]
    handlers: dict[object, ExceptionHandler] = {HTTPException: unmatched(error_page)}
    app = Starlette(routes=routes, middleware=middleware, exception_handlers=handlers)
    # /login/ is no /login: that would be a 307, which takes the password along (RFC 9700 §4.12),
    # to a URL made of the Host header.
    app.router.redirect_slashes = False
    return app
