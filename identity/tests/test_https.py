"""The certificate of the HTTPS listener changes while it serves."""

import asyncio
import os
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from identity.http import protocol
from identity.http.connections import ConnectionLimits
from identity.http.serving import HttpServer, Listener
from identity.tests.processes import ANY_PORT, command, environment, running
from runtime import server_certificate
from runtime.engine import TlsFiles
from runtime.testing.certificates import (
    RSA,
    SecretVolume,
    der_of,
    make_certificate,
    presented,
    presents,
    put,
    put_file,
)
from runtime.testing.waiting import PATIENCE, PATIENCE_SECONDS, eventually


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files be looked at a hundred times a second."""
    monkeypatch.setattr(server_certificate, "POLL", timedelta(milliseconds=10))


async def app(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


def https_server(files: TlsFiles, **limits: Any) -> HttpServer:
    return HttpServer(
        app,
        Listener("127.0.0.1:0"),
        grace=PATIENCE,
        limits=ConnectionLimits(**limits),
        tls=files,
    )


class Client:
    """One connection, which trusts one certificate."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def get(self) -> bool:
        """Whether a request is answered."""
        self._writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = await self._reader.readuntil(b"\r\n\r\n")
        return head.startswith(b"HTTP/1.1 204 ")


@asynccontextmanager
async def client(address: str, roots: Path) -> AsyncIterator[Client]:
    context = ssl.create_default_context(cafile=roots)
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(
        host, int(port), ssl=context, server_hostname="localhost"
    )
    try:
        yield Client(reader, writer)
    finally:
        writer.transport.abort()


def count(logs: list[Any], event: str) -> int:
    return sum(log["event"] == event for log in logs)


@pytest.mark.usefixtures("often")
async def test_new_connections_get_a_changed_certificate_and_old_ones_live_on(
    tmp_path: Path,
) -> None:
    first, second = (make_certificate(tmp_path / name) for name in ("first", "second"))
    third = make_certificate(tmp_path / "third", key=RSA)
    volume = SecretVolume(tmp_path / "volume", first)
    async with (
        https_server(volume.files).running() as address,
        client(address, first.certificate) as old,
    ):
        assert await old.get()
        assert await presented(address) == der_of(first)
        for files in (second, third):
            volume.put(files)
            await presents(address, files)
            async with client(address, files.certificate) as new:
                assert await new.get()
        assert await old.get()


@pytest.mark.usefixtures("often")
async def test_a_pair_that_does_not_match_is_not_served_and_named_once(tmp_path: Path) -> None:
    first, second = (make_certificate(tmp_path / name) for name in ("first", "second"))
    used = TlsFiles(tmp_path / "certificate.pem", tmp_path / "key.pem")
    put(first, used)
    with capture_logs() as logs:
        async with https_server(used).running() as address:
            put_file(second.certificate, used.certificate)
            await eventually(lambda: count(logs, "certificate not reloaded") == 1)
            async with client(address, first.certificate) as there:
                assert await there.get()
            put_file(second.key, used.key)
            await presents(address, second)
    assert count(logs, "certificate not reloaded") == count(logs, "certificate reloaded") == 1


@pytest.mark.usefixtures("unfrozen")
async def test_sighup_reloads_the_certificate_at_once_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_certificate, "POLL", timedelta(hours=1))
    first, second = (make_certificate(tmp_path / name) for name in ("first", "second"))
    used = TlsFiles(tmp_path / "certificate.pem", tmp_path / "key.pem")
    put(first, used)
    with capture_logs() as logs:
        serving = asyncio.create_task(https_server(used).serve_until_stopped(lambda: None))
        await eventually(lambda: count(logs, "serving") == 1)
        address = next(log["address"] for log in logs if log["event"] == "serving")
        async with client(address, first.certificate) as old:
            assert await old.get()
            put(second, used)
            os.kill(os.getpid(), signal.SIGHUP)
            await eventually(lambda: count(logs, "certificate reloaded") == 1)
            assert await presented(address) == der_of(second)
            assert await old.get()
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await serving


async def test_connections_without_a_handshake_are_limited_as_others_are(tmp_path: Path) -> None:
    files = make_certificate(tmp_path)
    async with https_server(files, total=8, of_address=4).running() as address:
        to, _, port = address.rpartition(":")
        flood = [
            await asyncio.open_connection(to, int(port), local_addr=("127.0.0.2", 0))
            for _ in range(20)
        ]
        async with client(address, files.certificate) as there:
            assert await there.get()
            for reader, _ in flood[:-4]:
                await ended(reader)
            assert await there.get()
        for _, writer in flood:
            writer.close()


async def test_a_handshake_that_is_not_made_ends_the_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "ARRIVAL_SECONDS", 0.2)
    async with https_server(make_certificate(tmp_path)).running() as address:
        host, _, port = address.rpartition(":")
        for sent in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00"):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(sent)
            await ended(reader)
            writer.close()


async def ended(reader: asyncio.StreamReader) -> None:
    """Read until the server closes the connection."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        with suppress(ConnectionError):
            await reader.read()


async def test_sighup_does_not_end_a_server_without_tls(sqlite_url: str, tmp_path: Path) -> None:
    async with running(sqlite_url, tmp_path) as server:
        server.process.send_signal(signal.SIGHUP)
        await eventually(lambda: any("nothing to reload" in line for line in server.output))
        server.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await server.process.wait() == 0


async def test_a_certificate_that_is_missing_is_named_at_the_start(
    sqlite_url: str, tmp_path: Path
) -> None:
    missing = str(tmp_path / "missing.pem")
    flags = (*ANY_PORT, "--tls-certificate", missing, "--tls-key", missing)
    process = await asyncio.create_subprocess_exec(
        *command(sqlite_url, tmp_path, *flags),
        env=environment(tmp_path),
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE_SECONDS):
        _, err = await process.communicate()
    assert process.returncode == 1
    assert f"--tls-certificate and --tls-key: {missing}: no such file" in err.decode()
