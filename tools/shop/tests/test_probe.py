"""Asking a part."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health  # type: ignore[attr-defined]

from tools.shop.part import GrpcHealth, HttpReady, Port
from tools.shop.probe import ProbeError, get, readiness

PORT = Port("p", 1)


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[str]:
    """Serve one fixed answer to every connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        yield f"{host}:{port}"


async def test_a_page_is_returned() -> None:
    async with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello") as address:
        assert await get(address, "/metrics") == "hello"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 503 Nope\r\n\r\nthe database is away\nmore", "/x: the database is away"),
        (b"HTTP/1.1 503 Nope\r\n\r\n", "/x: HTTP/1.1 503 Nope"),
        (b"", "/x: an empty answer"),
        (b"\x00\xff", "/x: "),
    ],
)
async def test_any_other_answer_is_an_error_that_says_what_came(answer: bytes, why: str) -> None:
    async with answering(answer) as address:
        with pytest.raises(ProbeError, match=why):
            await get(address, "/x")


async def test_nobody_there_is_an_error() -> None:
    async with answering(b"") as address:
        pass
    with pytest.raises(ProbeError, match="/x: connection refused"):
        await get(address, "/x")


async def test_http_readiness_is_a_200() -> None:
    async with answering(b"HTTP/1.0 200 OK\r\n\r\nok") as address:
        await readiness(HttpReady(PORT), {PORT: address}).check()
    async with answering(b"HTTP/1.0 503 No\r\n\r\nnot ok") as address:
        with pytest.raises(ProbeError, match="/readyz: not ok"):
            await readiness(HttpReady(PORT), {PORT: address}).check()


type SetStatus = Callable[[health_pb2.HealthCheckResponse.ServingStatus], Awaitable[None]]


@asynccontextmanager
async def health_server() -> AsyncIterator[tuple[str, SetStatus]]:
    server = grpc.aio.server()
    servicer = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}", lambda status: servicer.set("shop", status)
    finally:
        await server.stop(0)


async def test_grpc_readiness_follows_the_service_s_health() -> None:
    async with health_server() as (address, set_status):
        probe = readiness(GrpcHealth(PORT, "shop"), {PORT: address})
        with pytest.raises(ProbeError, match="NOT_FOUND"):
            await probe.check()
        await set_status(health_pb2.HealthCheckResponse.NOT_SERVING)
        with pytest.raises(ProbeError, match="health check: NOT_SERVING"):
            await probe.check()
        await set_status(health_pb2.HealthCheckResponse.SERVING)
        await probe.check()
        await probe.close()


async def test_a_grpc_server_that_is_away_is_an_error() -> None:
    async with health_server() as (address, _):
        pass
    probe = readiness(GrpcHealth(PORT, "shop"), {PORT: address})
    with pytest.raises(ProbeError, match=r"UNAVAILABLE: .*refused"):
        await probe.check()
    await probe.close()
