"""Asks a part whether it is ready, and for its metrics."""

import asyncio
from collections.abc import Mapping
from typing import Protocol

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tools.shop.part import GrpcHealth, HttpReady, Port

# A machine that is busy with other things is slow to answer, and nothing is wrong.
_TIMEOUT = 10.0
_MOST = 4 * 1024 * 1024


class ProbeError(Exception):
    """The part is not ready, or gave no metrics; the text says why."""


class Readiness(Protocol):
    """A question that is asked again and again."""

    async def check(self) -> None:
        """Return if the part is ready, raise ProbeError if not."""

    async def close(self) -> None:
        """Let go of connections."""


def readiness(ready: GrpcHealth | HttpReady, addresses: Mapping[Port, str]) -> Readiness:
    """Return the probe for a declared kind of readiness."""
    match ready:
        case GrpcHealth(port, service):
            return _GrpcProbe(addresses[port], service)
        case HttpReady(port, path):
            return _HttpProbe(addresses[port], path)


class _GrpcProbe:
    def __init__(self, address: str, service: str) -> None:
        # A part that starts is asked ten times a second: grpc's own first pause would be a second.
        options = [
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 1000),
            ("grpc.enable_http_proxy", 0),
        ]
        self._channel = grpc.aio.insecure_channel(address, options=options)
        self._stub = health_pb2_grpc.HealthStub(self._channel)  # type: ignore[no-untyped-call]
        self._request = health_pb2.HealthCheckRequest(service=service)

    async def check(self) -> None:
        try:
            response = await self._stub.Check(self._request, timeout=_TIMEOUT)
        except grpc.aio.AioRpcError as error:
            # grpc puts the cause last, after a list of addresses.
            cause = (error.details() or "").rpartition("last error: ")[2]
            raise ProbeError(f"health check: {error.code().name}: {cause}") from None
        if response.status != health_pb2.HealthCheckResponse.SERVING:
            name = health_pb2.HealthCheckResponse.ServingStatus.Name(response.status)
            raise ProbeError(f"health check: {name}")

    async def close(self) -> None:
        await self._channel.close()


class _HttpProbe:
    def __init__(self, address: str, path: str) -> None:
        self._address = address
        self._path = path

    async def check(self) -> None:
        await get(self._address, self._path)

    async def close(self) -> None:
        """Each question has a connection of its own."""


async def get(address: str, path: str) -> str:
    """GET http://address/path; ProbeError unless the answer is 200 within ten seconds."""
    try:
        async with asyncio.timeout(_TIMEOUT):
            head, body = await _exchange(address, path)
    except TimeoutError:
        raise ProbeError(f"{path}: no answer within {_TIMEOUT:g} s") from None
    except ConnectionRefusedError:
        raise ProbeError(f"{path}: connection refused") from None
    except OSError as error:
        raise ProbeError(f"{path}: {error.strerror or error}") from None
    status = head.partition(b"\r\n")[0].split(b" ", 2)
    if len(status) < 2 or status[1] != b"200":
        said = body.decode(errors="replace").strip() or head.decode(errors="replace").strip()
        raise ProbeError(f"{path}: {said.splitlines()[0] if said else 'an empty answer'}")
    return body.decode(errors="replace")


async def _exchange(address: str, path: str) -> tuple[bytes, bytes]:
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    try:
        # HTTP/1.0: the answer ends with the connection and is never chunked.
        writer.write(f"GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n".encode())
        answer = bytearray()
        while len(answer) < _MOST and (piece := await reader.read(65536)):
            answer += piece
    finally:
        writer.close()
    head, _, body = bytes(answer).partition(b"\r\n\r\n")
    return head, body
