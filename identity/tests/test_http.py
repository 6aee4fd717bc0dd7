"""What surrounds every route: limits, headers, metadata, errors, metrics."""

import asyncio
import socket
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from identity.app import make_app
from identity.http import protocol
from identity.http.limits import MOST_BODY_BYTES
from identity.http.protocol import MOST_HEADER_BYTES
from identity.http.serving import HttpServer, Listener
from identity.tests.provider import ISSUER, SECRET, Provider, provider_on
from runtime.database import Database
from runtime.errors import Unavailable
from runtime.reason import Reason
from runtime.testing.waiting import PATIENCE, PATIENCE_SECONDS

CREDENTIALS = ("service", SECRET)


async def raw(provider: Provider, sent: bytes) -> bytes:
    """Send bytes as they are; return what comes back until the server closes, read all or not."""
    loop = asyncio.get_running_loop()
    received = b""
    host, _, port = provider.address.rpartition(":")
    with socket.socket() as connection:
        connection.setblocking(False)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await loop.sock_connect(connection, (host, int(port)))
            with suppress(ConnectionError):
                await loop.sock_sendall(connection, sent)
            with suppress(ConnectionError):
                while data := await loop.sock_recv(connection, 65536):
                    received += data
    return received


async def test_both_metadata_documents_say_what_there_is(provider: Provider) -> None:
    first = await provider.http.get("/.well-known/openid-configuration")
    second = await provider.http.get("/.well-known/oauth-authorization-server")
    assert first.json() == second.json()
    document = first.json()
    assert document["issuer"] == ISSUER
    assert document["response_types_supported"] == ["code"]
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["authorization_response_iss_parameter_supported"] is True
    assert document["id_token_signing_alg_values_supported"] == ["ES256", "RS256", "EdDSA"]
    assert {"openid", "orders.read"} <= set(document["scopes_supported"])
    assert first.headers["cache-control"] == "public, max-age=300"
    for name, url in document.items():
        if name.endswith("_endpoint"):
            assert url.startswith(ISSUER + "/")
            answer = await provider.http.get(url.removeprefix(ISSUER))
            assert answer.status_code not in {404, 500}, name


async def test_an_issuer_with_a_path_is_served_below_it(database: Database, tmp_path: Path) -> None:
    """RFC 8414 §3 puts the well-known path before the issuer's, OpenID Connect behind it."""
    issuer = "https://example.com/tenants/one"
    async with provider_on(database, tmp_path, issuer=issuer) as provider:
        for path in (
            "/.well-known/oauth-authorization-server/tenants/one",
            "/.well-known/openid-configuration/tenants/one",
            "/tenants/one/.well-known/openid-configuration",
        ):
            document = (await provider.http.get(path)).json()
            assert document["issuer"] == issuer
            assert document["token_endpoint"] == issuer + "/token"
        response = await provider.http.post(
            "/tenants/one/token", data={"grant_type": "client_credentials"}, auth=CREDENTIALS
        )
        assert response.status_code == 200
        assert (await provider.http.get("/tenants/one/jwks")).status_code == 200
        assert (await provider.http.get("/jwks")).status_code == 404


async def test_the_keys_may_be_kept_for_as_long_as_none_is_missed(provider: Provider) -> None:
    response = await provider.http.get("/jwks")
    assert response.headers["cache-control"].startswith("public, max-age=")
    assert response.headers["content-type"] == "application/jwk-set+json"
    assert all("d" not in key for key in response.json()["keys"])


async def test_every_answer_tells_browsers_what_not_to_do(provider: Provider) -> None:
    for path in ("/jwks", "/nothing", "/token", "/login"):
        headers = (await provider.http.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] in {"no-referrer", "same-origin"}
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["strict-transport-security"] == "max-age=31536000"
        assert "server" not in headers


async def test_a_body_beyond_the_limit_is_refused_however_it_is_sent(provider: Provider) -> None:
    large = b"a=" + b"x" * MOST_BODY_BYTES
    form = {"content-type": "application/x-www-form-urlencoded"}
    announced = await provider.http.post("/token", content=large, headers=form)
    assert announced.status_code == 413
    assert announced.json() == {"error": "invalid_request"}

    async def chunks() -> Any:
        for start in range(0, len(large), 8192):
            yield large[start : start + 8192]

    chunked = await provider.http.post("/token", content=chunks(), headers=form)
    assert chunked.status_code == 413
    # As large as the limit allows, it is read.
    fits = await provider.http.post("/token", content=large[:MOST_BODY_BYTES], headers=form)
    assert fits.status_code == 400


async def test_headers_beyond_the_limit_are_refused(provider: Provider) -> None:
    endless = b"GET /jwks HTTP/1.1\r\nHost: a\r\n" + b"".join(
        b"X-%d: %s\r\n" % (number, b"x" * 1000) for number in range(100)
    )
    assert b" 431 " in (await raw(provider, endless)).partition(b"\r\n")[0]
    assert (await provider.http.get("/jwks")).status_code == 200


def request_of(size: int, name: bytes = b"X") -> bytes:
    """Return a request whose line and headers have so many bytes."""
    begin = b"GET /jwks HTTP/1.1\r\nHost: a\r\n" + name + b": "
    return begin + b"x" * (size - len(begin) - 4) + b"\r\n\r\n"


@pytest.mark.parametrize("piece", [1_000_000, 65_536, 32_768, 32_767, 8_192, 1_021])
async def test_the_limit_of_headers_is_the_same_however_they_arrive(
    provider: Provider, piece: int
) -> None:
    async def status(request: bytes) -> bytes:
        host, _, port = provider.address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        async with asyncio.timeout(PATIENCE_SECONDS):
            for start in range(0, len(request), piece):
                with suppress(ConnectionError):
                    writer.write(request[start : start + piece])
                    await writer.drain()
            answer = await reader.readuntil(b"\r\n")
        writer.close()
        return answer.split()[1]

    for large in (request_of(MOST_HEADER_BYTES + 1), request_of(100_000)):
        assert await status(large) == b"431"
    assert await status(request_of(MOST_HEADER_BYTES)) == b"200"
    # Right behind a request that is being answered, and behind its body: no answer is mistaken.
    post = b"POST /token HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\na=b&c"
    for refused in (request_of(100_000), b"\x16\x03\x01\r\n\r\n"):
        answers = await raw(provider, post + refused)
        assert answers == b"" or answers.startswith(b"HTTP/1.1 400 ")


async def test_trailers_are_no_headers(provider: Provider) -> None:
    """A proxy in front removes X-Forwarded-For from headers, and does not look at trailers."""
    seen: list[list[tuple[bytes, bytes]]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        seen.append(list(scope["headers"]))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    chunked = b"POST / HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    server = HttpServer(app, Listener("127.0.0.1:0"), grace=PATIENCE)
    async with server.running() as address:
        there = replace(provider, address=address)
        answer = await raw(there, chunked + b"1\r\na\r\n0\r\nX-Forwarded-For: 1.1.1.1\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 204 ")
        endless = await raw(there, chunked + b"1\r\na\r\n0\r\nX: " + b"x" * 2_000_000)
        assert endless == b"" or b" 431 " in endless.partition(b"\r\n")[0]
    assert [name for name, _ in seen[0]] == [b"connection", b"transfer-encoding"]


async def test_a_request_that_never_ends_is_broken_off(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = b"POST /token HTTP/1.1\r\nHost: a\r\n"
    host, _, port = provider.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /jwks HTTP/1.1\r\nHost: a\r\n\r\n")
    assert b" 200 " in await reader.readuntil(b"\r\n")
    monkeypatch.setattr(protocol, "ARRIVAL_SECONDS", 0.2)
    writer.write(head)
    with suppress(ConnectionError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            await reader.read()
    writer.close()
    for slow in (b"", head, head + b"Content-Length: 10\r\n\r\na=b"):
        assert await raw(provider, slow) == b""


async def test_what_is_no_http_is_refused(provider: Provider) -> None:
    for garbage in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"POST /token HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /token HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nConnection: close\r\n\r\n",
    ):
        status = (await raw(provider, garbage)).partition(b"\r\n")[0]
        assert b" 400 " in status, garbage
    assert (await provider.http.get("/jwks")).status_code == 200


async def test_bodies_that_are_no_form_are_refused(provider: Provider) -> None:
    for content, kind in (
        (b"{}", "application/json"),
        (b"a=%ff", "application/x-www-form-urlencoded"),
        (b"a=%00", "application/x-www-form-urlencoded"),
        ("a=é".encode(), "application/x-www-form-urlencoded"),
        (b"&".join(b"%d=1" % number for number in range(100)), "application/x-www-form-urlencoded"),
    ):
        response = await provider.http.post(
            "/token", content=content, headers={"content-type": kind}
        )
        assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
    empty = await provider.http.post("/token")
    assert empty.json()["error"] == "unsupported_grant_type"


async def test_only_the_methods_that_are_there(provider: Provider) -> None:
    for path, method in (("/token", "GET"), ("/jwks", "POST"), ("/userinfo", "PUT")):
        assert (await provider.http.request(method, path)).status_code == 405
    head = await provider.http.head("/jwks")
    assert (head.status_code, head.content) == (200, b"")


async def test_pages_of_any_origin_may_be_clients_but_none_is_trusted(provider: Provider) -> None:
    origin = {"Origin": "https://spa.example.com"}
    for path in ("/.well-known/openid-configuration", "/jwks", "/token", "/userinfo", "/revoke"):
        asks = {**origin, "Access-Control-Request-Method": "POST"}
        asks["Access-Control-Request-Headers"] = "dpop,authorization"
        preflight = await provider.http.options(path, headers=asks)
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in preflight.headers
    answer = await provider.http.post("/token", headers=origin)
    assert answer.headers["access-control-allow-origin"] == "*"
    for path in ("/introspect", "/login", "/authorize", "/consent"):
        answer = await provider.http.get(path, headers=origin)
        assert "access-control-allow-origin" not in answer.headers


async def _breaks(_request: Request) -> Response:
    raise RuntimeError("the secret is hunter2")


async def _away(_request: Request) -> Response:
    raise Unavailable("the database at 10.0.0.1 is away", reason=Reason.DATABASE_AWAY)


def broken_app() -> Starlette:
    routes = [Route("/breaks", _breaks), Route("/away", _away)]
    return make_app(routes, https=False, error_page=lambda status: Response("page", status))


async def test_what_nobody_foresaw_says_nothing_of_itself(
    capsys: pytest.CaptureFixture[str],
) -> None:
    transport = httpx.ASGITransport(broken_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://a") as http:
        broken = await http.get("/breaks")
        assert (broken.status_code, broken.json()) == (500, {"error": "server_error"})
        away = await http.get("/away")
        assert (away.status_code, away.json()) == (503, {"error": "temporarily_unavailable"})
        assert away.headers["retry-after"] == "1"
        page = await http.get("/breaks", headers={"accept": "text/html"})
        assert (page.status_code, page.text) == (500, "page")
        assert "strict-transport-security" not in page.headers
    assert "hunter2" in capsys.readouterr().out  # In the log, and there alone.


async def test_requests_are_counted_by_route_and_never_by_path(provider: Provider) -> None:
    def count(route: str, method: str, code: int) -> float:
        labels = {"route": route, "method": method, "code": str(code)}
        return REGISTRY.get_sample_value("bodega_http_server_handled_total", labels) or 0.0

    def counts() -> list[float]:
        return [
            count("/jwks", "GET", 200),
            count("unmatched", "GET", 404),
            count("/jwks", "other", 405),
        ]

    before = counts()
    await provider.http.get("/jwks")
    await provider.http.get("/made-up-by-a-stranger")
    await provider.http.request("PROPFIND", "/jwks")
    assert counts() == [each + 1 for each in before]


async def test_of_forwarded_addresses_only_short_ones_are_remembered(provider: Provider) -> None:
    """A thousand headers of 30 KB, each another, would be 30 MB."""
    for number in range(3):
        headers = {"X-Forwarded-For": f"192.0.2.{number}, " + "x" * 20_000}
        await provider.http.post("/token", headers=headers)
    assert provider.parts._address.cache_info().currsize == 0
    await provider.http.post("/token", headers={"X-Forwarded-For": "192.0.2.1"})
    assert provider.parts._address.cache_info().currsize == 1
