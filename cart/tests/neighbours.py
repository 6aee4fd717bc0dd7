"""Fixtures: the real Product and more that stand around a cart, and its server as a process."""

from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bodega.cart.v1 import cart_pb2_grpc
from cart.tests.upstreams import (
    Discounts,
    Products,
    Running,
    add_discount,
    add_product,
    product_database,
    real_product,
)
from runtime.auth.bearer import BearerGuard
from runtime.client import connect
from runtime.settings import ServerSettings
from runtime.testing.issuer import AUDIENCE, LoopbackIssuer
from runtime.testing.one_token import OneToken
from runtime.testing.server_process import serving

if TYPE_CHECKING:
    from cart.tests.examples import Stub

MODULE = "cart.server"


@pytest.fixture
def upstream_settings() -> ServerSettings:
    """Of Product and Discount; a file of tests may have others."""
    return ServerSettings.model_validate({"listen": "127.0.0.1:0"})


@pytest.fixture
async def products(tmp_path: Path) -> AsyncIterator[Products]:
    database = await product_database(tmp_path)
    yield real_product(database)
    await database.close()


@pytest.fixture
def discounts() -> Discounts:
    codes = Discounts()  # type: ignore[abstract]  # the other RPCs are unimplemented
    codes.add("HALF", basis_points=5_000)
    codes.add("ONCE", basis_points=5_000, redemption_limit=1)
    return codes


@pytest.fixture
async def product_server(
    upstream_settings: ServerSettings, products: Products, guard: BearerGuard
) -> AsyncIterator[Running]:
    running = Running(upstream_settings, lambda server: add_product(server, products), guard)
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def discount_server(
    upstream_settings: ServerSettings, discounts: Discounts, guard: BearerGuard
) -> AsyncIterator[Running]:
    running = Running(upstream_settings, lambda server: add_discount(server, discounts), guard)
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
def flags(
    issuer: LoopbackIssuer, product_server: Running, discount_server: Running, tmp_path: Path
) -> tuple[str, ...]:
    """Tell the server where all the others are."""
    secret = issuer.write_secret(tmp_path, "worker")
    return (
        *("--issuer", issuer.url, "--client-id", "worker", "--client-secret-file", str(secret)),
        *("--product", product_server.address),
        *("--discount", discount_server.address, "--resource", AUDIENCE),
    )


@asynccontextmanager
async def running(
    *flags: str, home: Path, issuer: LoopbackIssuer
) -> AsyncIterator[tuple[Process, Stub]]:
    tokens = OneToken(issuer.token("urn:bodega:cart", "carts", subject="ann"))
    async with (
        serving(MODULE, *flags, home=home) as (process, address),
        connect(address, tokens=tokens, timeout=timedelta(minutes=1)) as channel,
    ):
        yield process, cart_pb2_grpc.CartServiceStub(channel)
