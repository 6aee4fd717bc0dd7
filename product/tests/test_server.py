"""The server as a process: started, fed, stopped and killed."""

import asyncio
import signal
import sqlite3
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from bodega.product.v1 import product_pb2 as pb
from bodega.product.v1 import product_pb2_grpc
from product.tests.examples import batch, message
from runtime.client import connect
from runtime.testing.issuer import LoopbackIssuer
from runtime.testing.modules import DEAR, modules_of
from runtime.testing.one_token import OneToken
from runtime.testing.server_process import ANY_PORT, ended, serving
from runtime.testing.waiting import PATIENCE, PATIENCE_SECONDS

if TYPE_CHECKING:
    from product.tests.examples import Stub

MODULE = "product.server"


@asynccontextmanager
async def running(
    *flags: str, home: Path, issuer: LoopbackIssuer
) -> AsyncIterator[tuple[Process, Stub]]:
    async with reachable(*flags, home=home, issuer=issuer) as (process, channel):
        yield process, product_pb2_grpc.ProductServiceStub(channel)


@asynccontextmanager
async def reachable(
    *flags: str, home: Path, issuer: LoopbackIssuer
) -> AsyncIterator[tuple[Process, grpc.aio.Channel]]:
    tokens = OneToken(issuer.token("urn:bodega:product", "catalog.write"))
    async with (
        serving(MODULE, "--issuer", issuer.url, *flags, home=home) as (process, address),
        connect(address, timeout=PATIENCE, tokens=tokens) as channel,
    ):
        yield process, channel


async def test_it_keeps_its_data_and_ends_on_sigterm(
    tmp_path: Path, issuer: LoopbackIssuer
) -> None:
    async with running(home=tmp_path, issuer=issuer) as (process, stub):
        created = await stub.CreateProduct(pb.CreateProductRequest(product=message("A")))
        watched = stub.WatchProducts(pb.WatchProductsRequest(after_revision=-1))
        await watched.read()
        process.send_signal(signal.SIGTERM)
        with pytest.raises(grpc.aio.AioRpcError) as stopped:
            await watched.read()
        assert stopped.value.code() == grpc.StatusCode.UNAVAILABLE
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await process.wait() == 0
    assert (tmp_path / "bodega" / "product.db").stat().st_mode & 0o777 == 0o600
    async with running(home=tmp_path, issuer=issuer) as (_, stub):
        found = await stub.GetProduct(pb.GetProductRequest(id=created.product.id))
        assert found.product == created.product


async def test_killed_in_the_middle_of_an_import_it_holds_each_product_once_after_the_next(
    tmp_path: Path, issuer: LoopbackIssuer
) -> None:
    batches = [
        batch(f"b{number}", [message(f"S{number}-{row}") for row in range(50)])
        for number in range(40)
    ]

    async def broken_off(process: Process) -> AsyncIterator[pb.ImportProductsRequest]:
        for number, each in enumerate(batches):
            yield each
            if number == 20:
                process.kill()

    async def whole() -> AsyncIterator[pb.ImportProductsRequest]:
        for each in batches:
            yield each

    async with running(home=tmp_path, issuer=issuer) as (process, stub):
        with pytest.raises(grpc.aio.AioRpcError) as ended_early:
            await stub.ImportProducts(broken_off(process))
        assert ended_early.value.code() == grpc.StatusCode.UNAVAILABLE
    async with running(home=tmp_path, issuer=issuer) as (_, stub):
        response = await stub.ImportProducts(whole())
        assert response.inserted_count == 2000
        assert response.updated_count == response.rejected_count == 0
        chunks = stub.StreamProducts(pb.StreamProductsRequest())
        skus = [each.sku async for chunk in chunks for each in chunk.products]
    assert sorted(skus) == sorted(each.sku for part in batches for each in part.products)


async def test_a_taken_port_is_named(tmp_path: Path) -> None:
    listener = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    host, port = listener.sockets[0].getsockname()
    async with listener:
        code, _, err = await ended(MODULE, *ANY_PORT, "--listen", f"{host}:{port}", home=tmp_path)
    assert code == 1
    assert f"product-server: --listen {host}:{port}: address already in use" in err


async def test_a_bad_flag_is_named(tmp_path: Path) -> None:
    code, _, err = await ended(MODULE, "--database", "mysql://x/y", home=tmp_path)
    assert code == 2
    assert err == "product-server: --database: must start with sqlite:/// or postgresql://\n"


async def test_the_help_tells_each_flag_and_its_default(tmp_path: Path) -> None:
    code, out, err = await ended(MODULE, "--help", home=tmp_path)
    assert (code, err) == (0, "")
    for flag in ("--database", "--migrate", "--watch-poll", "--listen", "--engine"):
        assert flag in out
    assert "default 127.0.0.1:50051" in out
    assert out.startswith("usage: product-server [flags]\n")


async def test_an_empty_postgresql_database_is_refused_until_it_is_migrated(
    postgres_url: str, tmp_path: Path, issuer: LoopbackIssuer
) -> None:
    code, _, err = await ended(MODULE, *ANY_PORT, "--database", postgres_url, home=tmp_path)
    assert code == 1
    assert "--migrate" in err
    flags = ("--database", postgres_url)
    async with running(*flags, "--migrate", home=tmp_path, issuer=issuer) as (_, stub):
        created = await stub.CreateProduct(pb.CreateProductRequest(product=message("A")))
    async with running(*flags, home=tmp_path, issuer=issuer) as (_, stub):
        found = await stub.GetProduct(pb.GetProductRequest(id=created.product.id))
        assert found.product == created.product


async def test_a_database_that_is_damaged_while_it_serves_is_not_serving(
    tmp_path: Path, issuer: LoopbackIssuer
) -> None:
    file = tmp_path / "bodega" / "product.db"
    async with reachable(home=tmp_path, issuer=issuer) as (_, channel):
        stub = product_pb2_grpc.ProductServiceStub(channel)
        await stub.ImportProducts(iter([batch("b", [message(f"S{row}") for row in range(200)])]))
        with closing(sqlite3.connect(file)) as other:
            assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
        # From now on the server has in memory what it needs to answer.
        await stub.ListProducts(pb.ListProductsRequest())
        health = health_pb2_grpc.HealthStub(channel)  # type: ignore[no-untyped-call]
        states = health.Watch(health_pb2.HealthCheckRequest())
        # Its first look may have taken longer than it may, on a machine that is busy.
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await states.read()).status != health_pb2.HealthCheckResponse.SERVING:
                continue
        with file.open("r+b") as content:
            content.write(b"\xa5" * file.stat().st_size)
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert (await states.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING


def test_the_server_imports_nothing_dear_that_it_may_never_use() -> None:
    imported = modules_of("product.server")
    assert "product.server" in imported
    assert imported & DEAR == set()
