"""The product server as users start it, and what it says of itself."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path

from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client.parser import text_string_to_metric_families

from bench.benchmark import check_equal
from bench.load import Call, write_body
from bench.process import Process, listening
from bodega.product.v1 import product_pb2, product_pb2_grpc
from runtime.client import connect
from runtime.testing.issuer import LoopbackIssuer
from runtime.testing.one_token import OneToken

SERVICE = product_pb2.DESCRIPTOR.services_by_name["ProductService"].full_name
TIMEOUT_SECONDS = 30
TIMEOUT = timedelta(seconds=TIMEOUT_SECONDS)
TOKEN_SECONDS = 3600
AUDIENCE = "urn:bodega:product"
WORKER = "product-worker"


@dataclass(frozen=True, slots=True)
class ProductServer:
    """A product server that serves."""

    process: Process
    issuer: LoopbackIssuer
    metrics: str
    stub: product_pb2_grpc.ProductServiceAsyncStub

    @property
    def address(self) -> str:
        """Where it listens."""
        return self.process.address

    @property
    def token(self) -> str:
        """A token with which one may change the catalogue."""
        return self.issuer.token(AUDIENCE, "catalog.write")

    async def handled(self, method: str) -> dict[str, int]:
        """Return how many calls of a method it counted, by status code."""
        families = text_string_to_metric_families(await asyncio.to_thread(_scrape, self.metrics))
        return {
            sample.labels["code"]: int(sample.value)
            for family in families
            for sample in family.samples
            if sample.name == "bodega_rpc_server_handled_total"
            and (sample.labels["service"], sample.labels["method"]) == (SERVICE, method)
        }

    async def count(self) -> int:
        """Return how many products the catalogue holds, by reading it all."""
        chunks = self.stub.StreamProducts(product_pb2.StreamProductsRequest())
        return sum([len(chunk.products) async for chunk in chunks])


@asynccontextmanager
async def product_server(
    folder: Path, engine: str = "auto", module: str = "product.server", *more: str
) -> AsyncIterator[ProductServer]:
    """Run `product.server` with its defaults on free ports, its catalogue in the folder.

    It trusts an issuer of its own, and the stub has a token with which all is allowed.
    """
    metrics = f"127.0.0.1:{free_port()}"
    with LoopbackIssuer({WORKER: "bench"}) as issuer:
        issuer.lifetime = TOKEN_SECONDS
        flags = {
            "--listen": "127.0.0.1:0",
            "--metrics-listen": metrics,
            "--database": f"sqlite:///{folder}/product.db",
            "--engine": engine,
            "--issuer": issuer.url,
        }
        arguments = [part for flag in flags.items() for part in flag]
        tokens = OneToken(issuer.token(AUDIENCE, "catalog.write"))
        async with (
            listening(module, *arguments, *more) as process,
            connect(process.address, timeout=TIMEOUT, tokens=tokens) as channel,
        ):
            await _check_serving(channel)
            stub = product_pb2_grpc.ProductServiceStub(channel)
            yield ProductServer(process, issuer, metrics, stub)


def write_call(file: Path, method: str, requests: Iterable[bytes]) -> Call:
    """Return a call of the product service, its request messages written to the file."""
    return Call(f"/{SERVICE}/{method}", write_body(file, requests))


async def _check_serving(channel: aio.Channel) -> None:
    stub = health_pb2_grpc.HealthStub(channel)  # type: ignore[no-untyped-call]
    asked = health_pb2.HealthCheckRequest(service=SERVICE)
    answer = await stub.Check(asked, wait_for_ready=True, timeout=TIMEOUT_SECONDS)
    serving = health_pb2.HealthCheckResponse.SERVING
    check_equal("health of the product server", answer.status, serving)


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
