"""grpc.health.v1, real: each service's check is asked again and again.

https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from typing import override

from grpc_health.v1 import health_pb2, health_pb2_grpc

from runtime.call import Context
from runtime.errors import NotFound, Unavailable
from runtime.logs import get_logger

type Check = Callable[[], Awaitable[None]]

OVERALL = ""
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN

log = get_logger(__name__)


class Health(health_pb2_grpc.HealthServicer):
    """The state of each service, and of the server as a whole under the name "".

    A check returns where its service can serve and raises where it cannot; one that takes
    longer than `timeout` has failed. The whole serves where all services do.
    """

    def __init__(
        self,
        checks: Mapping[str, Check] | None = None,
        *,
        interval: timedelta = timedelta(seconds=5),
        timeout: timedelta = timedelta(seconds=2),
    ) -> None:
        self._checks = dict(checks or {})
        self._interval = interval.total_seconds()
        self._timeout = timeout.total_seconds()
        self._serving = {OVERALL: False} | dict.fromkeys(self._checks, False)
        self._changed = asyncio.Event()
        self._ask = asyncio.Event()
        self._draining = False

    @property
    def serving(self) -> bool:
        """Whether the server as a whole is ready for calls."""
        return self._serving[OVERALL]

    def add_services(self, names: Iterable[str]) -> None:
        """Report on these too; one without a check serves for as long as the server does."""
        for name in names:
            self._serving.setdefault(name, False)

    def ask_again(self) -> None:
        """Run the checks now: something was seen to fail, or to work again."""
        self._ask.set()

    async def run(self) -> None:
        """Run the checks for ever."""
        while True:
            self._ask.clear()
            await self.check_all()
            try:
                async with asyncio.timeout(self._interval):
                    await self._ask.wait()
            except TimeoutError:
                continue

    async def check_all(self) -> None:
        """Run every check once and publish what they say."""
        names = [name for name in self._serving if name != OVERALL]
        results = await asyncio.gather(*(self._passes(name) for name in names))
        self._publish(dict(zip(names, results, strict=True)) | {OVERALL: all(results)})

    def drain(self) -> None:
        """Report NOT_SERVING from now on, whatever the checks say."""
        self._draining = True
        self._publish(dict.fromkeys(self._serving, False))

    async def _passes(self, name: str) -> bool:
        check = self._checks.get(name)
        if check is None:
            return True
        try:
            async with asyncio.timeout(self._timeout):
                await check()
        except Exception as error:  # noqa: BLE001 (whatever a check raises means: not serving)
            if self._serving[name]:
                log.warning("service is not serving", service=name, error=repr(error))
            return False
        return True

    def _publish(self, serving: dict[str, bool]) -> None:
        if self._draining:
            serving = dict.fromkeys(serving, False)
        if serving != self._serving:
            self._serving = serving
            self._changed.set()
            self._changed = asyncio.Event()

    def _status(self, service: str) -> health_pb2.HealthCheckResponse.ServingStatus:
        if service not in self._serving:
            return SERVICE_UNKNOWN
        return SERVING if self._serving[service] else NOT_SERVING

    @override
    async def Check(
        self, request: health_pb2.HealthCheckRequest, _context: Context
    ) -> health_pb2.HealthCheckResponse:
        """Report on one service. NOT_FOUND where there is none of that name."""
        status = self._status(request.service)
        if status == SERVICE_UNKNOWN:
            message = f"there is no service {request.service!r} here"
            raise NotFound(message, reason="SERVICE_UNKNOWN")
        return health_pb2.HealthCheckResponse(status=status)

    @override
    async def List(
        self, _request: health_pb2.HealthListRequest, _context: Context
    ) -> health_pb2.HealthListResponse:
        """Report on all services."""
        response = health_pb2.HealthListResponse()
        for service in self._serving:
            response.statuses[service].status = self._status(service)
        return response

    @override
    async def Watch(
        self, request: health_pb2.HealthCheckRequest, _context: Context
    ) -> AsyncGenerator[health_pb2.HealthCheckResponse]:
        """Report on one service now, at every change, and a last time when draining."""
        last = None
        while True:
            changed = self._changed
            status = self._status(request.service)
            if status != last:
                last = status
                yield health_pb2.HealthCheckResponse(status=status)
            if self._draining:
                message = "the server is stopping"
                raise Unavailable(message, reason="SERVER_STOPPING")
            if changed is self._changed:
                await changed.wait()
