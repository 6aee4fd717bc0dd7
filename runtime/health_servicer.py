"""grpc.health.v1: the health of a server, told to who asks over gRPC.

https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

from collections.abc import AsyncGenerator
from typing import override

from grpc_health.v1 import health_pb2, health_pb2_grpc

from runtime.call import Context
from runtime.errors import NotFound, Unavailable
from runtime.health import Health
from runtime.reason import Reason

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


class HealthServicer(health_pb2_grpc.HealthServicer):
    """The state of each service, and of the server as a whole under the name ""."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def _status(self, service: str) -> health_pb2.HealthCheckResponse.ServingStatus:
        serving = self._health.services.get(service)
        if serving is None:
            return SERVICE_UNKNOWN
        return SERVING if serving else NOT_SERVING

    @override
    async def Check(
        self, request: health_pb2.HealthCheckRequest, _context: Context
    ) -> health_pb2.HealthCheckResponse:
        """Report on one service. NOT_FOUND where there is none of that name."""
        status = self._status(request.service)
        if status == SERVICE_UNKNOWN:
            message = f"there is no service {request.service!r} here"
            raise NotFound(message, reason=Reason.SERVICE_UNKNOWN)
        return health_pb2.HealthCheckResponse(status=status)

    @override
    async def List(
        self, _request: health_pb2.HealthListRequest, _context: Context
    ) -> health_pb2.HealthListResponse:
        """Report on all services."""
        response = health_pb2.HealthListResponse()
        for service in self._health.services:
            response.statuses[service].status = self._status(service)
        return response

    @override
    async def Watch(
        self, request: health_pb2.HealthCheckRequest, _context: Context
    ) -> AsyncGenerator[health_pb2.HealthCheckResponse]:
        """Report on one service now, at every change, and a last time when draining."""
        last = None
        while True:
            changed, draining = self._health.changed, self._health.draining
            status = self._status(request.service)
            if status != last:
                last = status
                yield health_pb2.HealthCheckResponse(status=status)
            # As it was when we looked: a drain that began since then has news to tell first.
            if draining:
                message = "the server is stopping"
                raise Unavailable(message, reason=Reason.SERVER_STOPPING)
            if changed is self._health.changed:
                await changed.wait()
