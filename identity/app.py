"""The HTTP application: every route, and what surrounds each of them."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from identity.http.failures import Failures
from identity.http.limits import BodyLimit
from identity.http.metrics import Metrics
from identity.http.security_headers import SecurityHeaders


def make_app(routes: Sequence[BaseRoute], *, https: bool) -> Starlette:
    """Return the application; outermost first, what each request passes through."""
    middleware = [
        Middleware(Metrics),
        Middleware(SecurityHeaders, https=https),
        Middleware(Failures),
        Middleware(BodyLimit),
    ]
    return Starlette(routes=routes, middleware=middleware)
