"""Makes a call again until it is answered: what a worker does while a server is away."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import grpc

from runtime.backoff import Backoff
from runtime.logs import get_logger
from runtime.status_details import retry_delay
from workers.stop import Stop

log = get_logger("worker")

# These pass, however long that takes.
_PASSING = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.ABORTED,
    }
)
# These may be an accident on the way, or what the server makes of a request each time. Whatever
# else it answers, it would answer again.
_DUBIOUS = frozenset({grpc.StatusCode.CANCELLED, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN})
ATTEMPTS = 6
# A token may be refused where it is old (its key is gone): the channel then gets another. It is
# the token's fault no longer once that is refused as well.
TOKENS = 2


class RefusedError(Exception):
    """The server will not do it, however often it is asked; the text says why."""

    def __init__(self, reason: str, error: grpc.aio.AioRpcError) -> None:
        super().__init__(reason)
        self.error = error

    @property
    def code(self) -> grpc.StatusCode:
        """The status that the server answered with."""
        return self.error.code()


class FailedError(RefusedError):
    """The server failed as often as it was asked, and does not say why."""


class StoppedError(Exception):
    """The worker was asked to stop while the server was away; nothing was answered."""


@dataclass(slots=True)
class _Outage:
    began: float
    failures: int = 1


class Patience:
    """Calls one service, and waits out the times when it is away."""

    def __init__(
        self, service: str, stop: Stop, backoff: Backoff, count_failure: Callable[[str], None]
    ) -> None:
        """`service` is its name for people; `count_failure` is told the code of each failure."""
        self._service = service
        self._away = f"{service.lower()} is away, trying again"
        self._back = f"{service.lower()} is back"
        self._stop = stop
        self._backoff = backoff
        self._count_failure = count_failure
        self._outage: _Outage | None = None
        self._answered = False

    @property
    def is_connected(self) -> bool:
        """Whether the service answered the last call."""
        return self._answered and self._outage is None

    async def until_answered[T](self, call: Callable[[], Awaitable[T]]) -> T:
        """Return the answer. Raises RefusedError, FailedError and StoppedError."""
        failures = refusals = 0
        while True:
            try:
                answer = await call()
            except grpc.aio.AioRpcError as error:
                failures += error.code() in _DUBIOUS
                refusals += error.code() is grpc.StatusCode.UNAUTHENTICATED
                if refusals > TOKENS:
                    raise self._refused(error) from error
                if failures == ATTEMPTS:
                    raise self._given_up(error) from error
                await self._failed(error)
            else:
                self._recovered()
                return answer

    def _recovered(self) -> None:
        self._answered = True
        self._backoff.reset()
        if self._outage is not None:
            log.info(
                self._back,
                after_seconds=round(time.monotonic() - self._outage.began, 1),
                failures=self._outage.failures,
            )
            self._outage = None

    async def _failed(self, error: grpc.aio.AioRpcError) -> None:
        """Count the failure and wait; raise where another try is no use."""
        code = error.code()
        self._count_failure(code.name)
        if code not in _PASSING | _DUBIOUS | {grpc.StatusCode.UNAUTHENTICATED}:
            raise self._refused(error)
        if self._outage is None:
            self._outage = _Outage(time.monotonic())
            log.warning(
                self._away,
                code=code.name,
                details=error.details(),
            )
        else:
            self._outage.failures += 1
        if await self._stop.within(self._backoff.next(retry_delay(error))):
            raise StoppedError

    def _refused(self, error: grpc.aio.AioRpcError) -> RefusedError:
        # It did answer: whoever goes on after that has no outage to wait for.
        self._outage = None
        self._backoff.reset()
        reason = f"{self._service} refuses: {error.code().name}: {error.details()}"
        return RefusedError(reason, error)

    def _given_up(self, error: grpc.aio.AioRpcError) -> FailedError:
        reason = f"{self._service} failed {ATTEMPTS} times: {error.code().name}: {error.details()}"
        return FailedError(reason, error)
