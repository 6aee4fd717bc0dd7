"""The certificate of a listener changes while it serves."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from runtime import server_certificate
from runtime.client import connect
from runtime.engine import TlsFiles
from runtime.main import StartError
from runtime.server import Server
from runtime.server_certificate import ServerCertificate
from runtime.settings import ServerSettings
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
from runtime.testing.echo import Echo, EchoStub, add_echo, echo_service
from runtime.testing.waiting import PATIENCE, PATIENCE_SECONDS, eventually

type Log = list[Any]


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files be looked at a hundred times a second."""
    monkeypatch.setattr(server_certificate, "POLL", timedelta(milliseconds=10))


SERVICE = echo_service()


def echo_server(files: TlsFiles) -> Server:
    server = Server(
        ServerSettings.model_validate(
            {
                "listen": "localhost:0",
                "tls_certificate": files.certificate,
                "tls_key": files.key,
                "grace": PATIENCE,
            }
        )
    )
    server.add(add_echo, Echo(SERVICE), SERVICE)
    return server


@asynccontextmanager
async def client(address: str, roots: Path) -> AsyncIterator[EchoStub]:
    async with connect(address, SERVICE, timeout=PATIENCE, tls_roots=roots) as channel:
        yield EchoStub(channel, SERVICE)


def count(logs: Log, event: str) -> int:
    return sum(log["event"] == event for log in logs)


@pytest.mark.usefixtures("often")
async def test_new_connections_get_a_changed_certificate_and_old_ones_live_on(
    tmp_path: Path,
) -> None:
    first, second = (make_certificate(tmp_path / name) for name in ("first", "second"))
    third = make_certificate(tmp_path / "third", key=RSA)
    volume = SecretVolume(tmp_path / "volume", first)
    async with (
        echo_server(volume.files).running() as address,
        client(address, first.certificate) as old,
    ):
        assert await old.call("Say", "a") == ["a"]
        assert await presented(address) == der_of(first)
        for files in (second, third):
            volume.put(files)
            await presents(address, files)
            async with client(address, files.certificate) as new:
                assert await new.call("Say", "b") == ["b"]
        # It trusts the first alone, so that it has its first connection.
        assert await old.call("Say", "c") == ["c"]


@pytest.mark.usefixtures("often")
async def test_a_pair_that_does_not_match_is_not_served_and_named_once(tmp_path: Path) -> None:
    first, second = (make_certificate(tmp_path / name) for name in ("first", "second"))
    used = TlsFiles(tmp_path / "certificate.pem", tmp_path / "key.pem")
    put(first, used)
    with capture_logs() as logs:
        async with echo_server(used).running() as address:
            put_file(second.certificate, used.certificate)
            await eventually(lambda: count(logs, "certificate not reloaded") == 1)
            assert await presented(address) == der_of(first)
            # Broken, then missing, then broken again: each is another event.
            used.key.write_bytes(b"no key")
            await eventually(lambda: count(logs, "certificate not reloaded") == 2)
            used.key.unlink()
            await eventually(lambda: count(logs, "certificate not reloaded") == 3)
            assert await presented(address) == der_of(first)
            put_file(second.key, used.key)
            await presents(address, second)
    failures = [log for log in logs if log["event"] == "certificate not reloaded"]
    assert [(log["file"], log["log_level"]) for log in failures] == [(str(used.key), "warning")] * 3
    assert failures[0]["reason"] == f"is not the key of {used.certificate}"
    assert failures[1]["reason"].startswith("holds no private key in PEM")
    assert failures[2]["reason"] == "no such file or directory"
    assert count(logs, "certificate reloaded") == 1


async def test_a_failure_is_logged_once_but_each_time_that_somebody_asks(tmp_path: Path) -> None:
    files = make_certificate(tmp_path)
    certificate = ServerCertificate(files)
    files.certificate.write_text("nothing")
    with capture_logs() as logs:
        for _ in range(3):
            certificate.look()
        assert count(logs, "certificate not reloaded") == 1
        certificate.reload()
        assert count(logs, "certificate not reloaded") == 2
    assert logs[0]["file"] == str(files.certificate)


@pytest.mark.usefixtures("unfrozen")
async def test_sighup_reloads_the_certificate_at_once_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_certificate, "POLL", timedelta(hours=1))
    first, second = (make_certificate(tmp_path / name) for name in ("first", "second"))
    used = TlsFiles(tmp_path / "certificate.pem", tmp_path / "key.pem")
    put(first, used)
    with capture_logs() as logs:
        running = asyncio.create_task(echo_server(used).serve_until_stopped())
        await eventually(lambda: count(logs, "serving") == 1)
        address = next(log["address"] for log in logs if log["event"] == "serving")
        os.kill(os.getpid(), signal.SIGHUP)
        await eventually(lambda: count(logs, "certificate unchanged") == 1)
        async with client(address, first.certificate) as old:
            assert await old.call("Say", "a") == ["a"]
            put(second, used)
            os.kill(os.getpid(), signal.SIGHUP)
            await eventually(lambda: count(logs, "certificate reloaded") == 1)
            assert await presented(address) == der_of(second)
            assert await old.call("Say", "b") == ["b"]
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await running


def test_what_cannot_be_served_stops_the_start_and_is_named(tmp_path: Path) -> None:
    first, second = (make_certificate(tmp_path / name) for name in ("first", "second"))
    encrypted = make_certificate(tmp_path / "encrypted", encrypted=True)
    empty = tmp_path / "empty"
    empty.touch()
    for files, reason in (
        (TlsFiles(empty, first.key), f"{empty}: holds no certificate"),
        (TlsFiles(first.certificate, empty), f"{empty}: holds no private key"),
        (TlsFiles(first.certificate, second.key), f"is not the key of {first.certificate}"),
        (TlsFiles(tmp_path, first.key), f"{tmp_path}: is a directory"),
        (encrypted, f"{encrypted.key}: holds no private key in PEM without a password"),
    ):
        with pytest.raises(StartError, match=reason):
            ServerCertificate(files)


def test_an_expired_certificate_is_served_with_a_warning_and_a_metric_says_when(
    tmp_path: Path,
) -> None:
    expired = make_certificate(tmp_path, days=-1)
    with capture_logs() as logs:
        certificate = ServerCertificate(expired)
    assert [(log["event"], log["log_level"]) for log in logs] == [
        ("certificate has expired", "warning")
    ]
    expires = REGISTRY.get_sample_value("bodega_tls_certificate_expiry_timestamp_seconds")
    assert expires == certificate.pair.expires.timestamp() == 1_577_923_200
