"""What a server that serves says of itself."""

import asyncio
import socket
from contextlib import suppress
from datetime import timedelta
from http.client import HTTPConnection

from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client.parser import text_string_to_metric_families

from bench.benchmark import check_equal

TIMEOUT_SECONDS = 30
TIMEOUT = timedelta(seconds=TIMEOUT_SECONDS)


async def check_serving(channel: aio.Channel, service: str) -> None:
    """Wait until the service is healthy; raise WrongResultError where it is not in time."""
    stub = health_pb2_grpc.HealthStub(channel)  # type: ignore[no-untyped-call]
    asked = health_pb2.HealthCheckRequest(service=service)
    states = stub.Watch(asked, wait_for_ready=True, timeout=TIMEOUT_SECONDS)
    last = health_pb2.HealthCheckResponse.UNKNOWN
    with suppress(aio.AioRpcError):
        # On a busy machine the first look may take longer than the server lets it.
        async for state in states:
            last = state.status
            if last == health_pb2.HealthCheckResponse.SERVING:
                break
    states.cancel()
    check_equal(f"health of {service}", last, health_pb2.HealthCheckResponse.SERVING)


async def handled(metrics: str, service: str, method: str) -> dict[str, int]:
    """Return how many calls of a method the server counted, by status code."""
    families = text_string_to_metric_families(await asyncio.to_thread(_scrape, metrics))
    return {
        sample.labels["code"]: int(sample.value)
        for family in families
        for sample in family.samples
        if sample.name == "bodega_rpc_server_handled_total"
        and (sample.labels["service"], sample.labels["method"]) == (service, method)
    }


def free_port() -> int:
    """Return a port that nobody listens on at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _scrape(address: str) -> str:
    connection = HTTPConnection(address, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    finally:
        connection.close()
