"""Calls to the services that a cart needs, and what their failures mean to it."""

import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

import grpc
from grpc import aio

from cart.pricing.metrics import FAILURES
from runtime.errors import Unavailable
from runtime.logs import get_logger
from runtime.reason import Reason
from runtime.status_details import retry_delay

# Less than the 5 s that a channel gives our own callers, so that they hear who is away; and more
# than a service stalls for where its machine is busy.
TIMEOUT_SECONDS = 4.0
RETRY_AFTER = timedelta(seconds=1)
# However long a service asks to be left alone, so soon it is asked again.
LONGEST_WAIT = timedelta(seconds=10)

# These pass by themselves. Any other code is a fault, of the service or of how we are set up.
_PASSING = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.ABORTED,
    }
)

log = get_logger(__name__)


class Upstream:
    """A service that is asked. Whatever its failure is, our caller gets Unavailable.

    Nothing was stored, and the same request is good once the service is: that is all that our
    caller needs to know of a fault, too. The log tells them apart, an outage being a warning and
    a fault an error. A service that says when to come back is not asked before.
    """

    def __init__(
        self, name: str, reason: Reason, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = name
        self._reason = reason
        self._monotonic = monotonic
        self._failing: grpc.StatusCode | None = None
        self._closed_until = float("-inf")

    async def ask[R](self, call: Callable[[], Awaitable[R]]) -> R:
        """Make a call and return its answer."""
        left = self._closed_until - self._monotonic()
        if left > 0:
            raise self.unavailable(timedelta(seconds=left))
        try:
            answer = await call()
        except aio.AioRpcError as error:
            raise self._failed(error) from error
        if self._failing is not None:
            log.info("upstream is back", service=self.name)
            self._failing = None
        return answer

    def unavailable(self, retry_after: timedelta = RETRY_AFTER) -> Unavailable:
        """Return what our caller is told."""
        return Unavailable(
            f"{self.name.capitalize()} is away",
            reason=self._reason,
            retry_after=retry_after,
        )

    def _failed(self, error: aio.AioRpcError) -> Unavailable:
        code = error.code()
        FAILURES.labels(self.name, code.name).inc()
        if code is not self._failing:
            tell = log.warning if code in _PASSING else log.error
            event = "upstream is away" if code in _PASSING else "upstream is at fault"
            tell(event, service=self.name, code=code.name, details=error.details())
            self._failing = code
        wait = min(retry_delay(error), LONGEST_WAIT)
        self._closed_until = self._monotonic() + wait.total_seconds()
        return self.unavailable(wait or RETRY_AFTER)
