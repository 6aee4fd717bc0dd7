"""Asking an issuer: over TLS, and when it answers slowly, oddly or not at all."""

import asyncio
import os
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from runtime.auth import https
from runtime.auth.issuer import Issuer, IssuerError, max_age


@asynccontextmanager
async def answering(
    raw: bytes, context: ssl.SSLContext | None = None, *, ends: bool = True
) -> AsyncIterator[str]:
    """Serve these bytes to every request, and yield the address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        if not ends:
            await reader.read()  # Until the client has had enough.
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        server.close_clients()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        (b"", "closed connection"),
        (b"garbage\r\n\r\n", "garbage"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n{}", "answers 302"),
        (b"HTTP/1.1 500 Oops\r\n\r\n{}", "answers 500"),
        (b"HTTP/1.1 200 OK\r\n\r\n<html>", "no JSON"),
        (b"HTTP/1.1 200 OK\r\n\r\n[]", "no JSON object"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "less than it said"),
    ],
)
async def test_an_odd_answer_is_told(raw: bytes, rule: str) -> None:
    async with answering(raw) as address:
        with pytest.raises(IssuerError, match=f"(?i){rule}"):
            await Issuer(f"http://{address}").get(f"http://{address}/x")


async def test_an_answer_that_does_not_come_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(https, "REQUEST_SECONDS", 0.2)
    async with answering(b"HTTP/1.1 200 OK\r\n", ends=False) as address:
        with pytest.raises(IssuerError, match=r"did not answer in 0\.2 s|timed out"):
            await Issuer(f"http://{address}").get(f"http://{address}/x")


async def test_a_port_that_nobody_listens_on_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(IssuerError, match="refused"):
        await Issuer(f"http://{address}").get(f"http://{address}/x")


async def test_over_tls_the_roots_decide(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = (
        *(os.environ["OPENSSL_BIN"], "req", "-x509", "-newkey", "rsa:2048", "-nodes"),
        *("-subj", "/CN=issuer", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "1"),
        *("-keyout", str(key), "-out", str(certificate)),
    )
    subprocess.run(command, check=True, capture_output=True)  # noqa: ASYNC221, S603
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    async with answering(OK, context) as address:
        url = f"https://{address}"
        assert (await Issuer(url, roots=certificate).get(url)).status == 200
        with pytest.raises(IssuerError, match="certificate verify failed"):
            await Issuer(url).get(url)


@pytest.mark.parametrize(
    ("control", "seconds"),
    [
        ("", None),
        ("public", None),
        ("max-age=60", 60),
        ("public, MAX-AGE=60,immutable", 60),
        ("s-maxage=5", None),
        ("no-store, max-age=60", 0),
        ("max-age=-1", None),
        ("max-age=99999999999999", None),
    ],
)
def test_max_age_is_read(control: str, seconds: float | None) -> None:
    assert max_age(control) == seconds
