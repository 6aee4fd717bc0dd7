"""The product server as users start it, and what it says of itself."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.load import Call, write_body
from bench.process import Process, listening
from bench.served import TIMEOUT, check_serving, free_port, handled
from bodega.product.v1 import product_pb2, product_pb2_grpc
from runtime.client import connect
from runtime.testing.issuer import LoopbackIssuer
from runtime.testing.one_token import OneToken

SERVICE = product_pb2.DESCRIPTOR.services_by_name["ProductService"].full_name
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
        return await handled(self.metrics, SERVICE, method)

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
            await check_serving(channel, SERVICE)
            stub = product_pb2_grpc.ProductServiceStub(channel)
            yield ProductServer(process, issuer, metrics, stub)


def write_call(file: Path, method: str, requests: Iterable[bytes]) -> Call:
    """Return a call of the product service, its request messages written to the file."""
    return Call(f"/{SERVICE}/{method}", write_body(file, requests))
