"""The cart server as users start it, between an issuer and a Product of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.process import Process, listening
from bench.served import TIMEOUT, check_serving, free_port, handled
from bodega.cart.v1 import cart_pb2, cart_pb2_grpc
from runtime.client import connect
from runtime.testing.issuer import LoopbackIssuer
from runtime.testing.one_token import OneToken

SERVICE = cart_pb2.DESCRIPTOR.services_by_name["CartService"].full_name
AUDIENCE = "urn:bodega:cart"


@dataclass(frozen=True, slots=True)
class CartServer:
    """A cart server that serves, and a customer's token."""

    process: Process
    metrics: str
    token: str
    stub: cart_pb2_grpc.CartServiceAsyncStub

    async def handled(self, method: str) -> dict[str, int]:
        """Return how many calls of a method it counted, by status code."""
        return await handled(self.metrics, SERVICE, method)


@asynccontextmanager
async def cart_server(
    folder: Path, engine: str, product: str, issuer: LoopbackIssuer
) -> AsyncIterator[CartServer]:
    """Run `cart.server` with its defaults on free ports, its carts in the folder."""
    metrics = f"127.0.0.1:{free_port()}"
    flags = {
        "--listen": "127.0.0.1:0",
        "--metrics-listen": metrics,
        "--database": f"sqlite:///{folder}/cart.db",
        "--engine": engine,
        "--issuer": issuer.url,
        "--product": product,
    }
    arguments = [part for flag in flags.items() for part in flag]
    token = issuer.token(AUDIENCE, "carts", subject="ann")
    async with (
        listening("cart.server", *arguments) as process,
        connect(process.address, timeout=TIMEOUT, tokens=OneToken(token)) as channel,
    ):
        await check_serving(channel, SERVICE)
        yield CartServer(process, metrics, token, cart_pb2_grpc.CartServiceStub(channel))
