"""What surrounds every page: limits, and errors that end as pages."""

from collections.abc import Awaitable, Callable
from math import ceil

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from identity.abuse.rate_limit import RateLimits
from identity.asking import Redirected, Refused
from identity.web.csrf import ForgedError
from identity.web.errors import ErrorPages
from identity.web.site import Site, go
from runtime.errors import Transient

type Handler = Callable[[Request], Awaitable[Response]]


class Guard:
    """Makes of a handler one that raises nothing that we foresee."""

    def __init__(self, site: Site, errors: ErrorPages, limits: RateLimits) -> None:
        self._site = site
        self._errors = errors
        self._limits = limits

    def __call__(self, handler: Handler) -> Handler:
        """Return the handler, guarded."""

        async def guarded(request: Request) -> Response:
            response = await self._answer(handler, request)
            # A client may open the log-in in a window of its own and wait for it to come back:
            # isolation, the default for all that is none of ours, would cut the two apart.
            response.headers["Cross-Origin-Opener-Policy"] = "unsafe-none"
            return response

        return guarded

    async def _answer(self, handler: Handler, request: Request) -> Response:
        wait = self._limits.take(self._site.address(request))
        if wait is not None:
            return self._errors.page(429, retry_after=ceil(wait))
        try:
            return await handler(request)
        except Refused as refused:
            return self._errors.refused(refused)
        except Redirected as redirected:
            return go(redirected.location)
        except (ForgedError, HTTPException, Transient) as error:
            return self._errors.page(_status(error))


def _status(error: ForgedError | HTTPException | Transient) -> int:
    match error:
        case ForgedError():
            return 403
        case HTTPException():
            return error.status_code
        case _:
            return 503
