"""Whatever is sent, to whatever endpoint: no 5xx."""

import asyncio
import base64
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.routing import Route

from identity.tests.provider import (
    ASSERTION_TYPE,
    CALLBACK,
    DEVICE_CODE,
    ORDERS,
    SECRET,
    Proof,
    Provider,
    assertion,
    challenge,
)
from runtime.testing.waiting import PATIENCE_SECONDS

EXAMPLES = 250

METHODS = st.sampled_from(["GET", "POST", "POST", "POST", "HEAD", "PUT", "OPTIONS", "DELETE"])

NAMES = [
    "grant_type", "code", "redirect_uri", "client_id", "client_secret", "code_verifier",
    "refresh_token", "scope", "resource", "device_code", "user_code", "token",
    "token_type_hint", "client_assertion", "client_assertion_type", "response_type", "state",
    "nonce", "prompt", "max_age", "login_hint", "id_token_hint", "request", "request_uri",
    "claims", "code_challenge", "code_challenge_method", "dpop_jkt", "response_mode",
    "post_logout_redirect_uri", "access_token", "username", "password", "csrf", "registration",
    "query", "next",
]  # fmt: skip

HOSTILE = (
    "", " ", '"', "\\", "\0", "\n", "\r\nSet-Cookie: a=b", "é", "\U0001f600", "\ud800", "%", "%00",
    "'; DROP TABLE users;--", "[" * 3000, "{" * 3000, "9" * 400, "-1", "1e999", "NaN", "null",
    "a" * 9000, "a.b.c", "..", "e30.e30.", "eyJhbGciOiJub25lIn0.e30.", "javascript:alert(1)",
    "http://[", "http://[::1", "https://user@host/", "//evil", "x://y", "none login",
)  # fmt: skip


def jwt_of(header: object, payload: object) -> str:
    parts = (json.dumps(header), json.dumps(payload), "sig")
    return ".".join(base64.urlsafe_b64encode(p.encode()).decode().rstrip("=") for p in parts)


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just([]),
    st.just({}), st.just({"kty": "EC"}), st.just({"kty": ["EC"], "crv": {}}),
)  # fmt: skip
CLAIMS = ("iss", "sub", "aud", "exp", "iat", "nbf", "jti", "htm", "htu", "ath", "client_id", "sid")
HEADERS = ("typ", "alg", "kid", "jwk", "crit", "b64", "jku", "zip")
JWTS = st.builds(
    jwt_of,
    st.dictionaries(st.sampled_from(HEADERS), SCALARS),
    st.dictionaries(st.sampled_from(CLAIMS), SCALARS) | SCALARS,
)


@dataclass
class Known:
    """What is really there, so that the fuzzer comes past the first checks."""

    values: list[str]
    headers: list[tuple[str, str]]
    paths: list[str]


async def known(provider: Provider) -> Known:
    tokens = await provider.tokens()
    started = await provider.post("/device_authorization", None, client_id="app")
    values = [
        *(str(value) for value in tokens.values()),
        *(str(value) for value in started.json().values()),
        await provider.code(),
        await provider.code("app"),
        *("web", "app", "service", "api", "signer", "pusher", SECRET, CALLBACK, ORDERS),
        *("authorization_code", "refresh_token", "client_credentials", DEVICE_CODE),
        *("code", "S256", "plain", "openid", "openid orders.read", "none", "login", "v" * 43),
        *(challenge("v" * 43), ASSERTION_TYPE, assertion(), Proof.new().sign()),
    ]
    headers = [
        ("Authorization", httpx.BasicAuth("web", SECRET)._auth_header),
        ("Authorization", httpx.BasicAuth("service", SECRET)._auth_header),
        ("Authorization", httpx.BasicAuth("api", SECRET)._auth_header),
        ("Authorization", f"Bearer {tokens['access_token']}"),
        ("Authorization", f"DPoP {tokens['access_token']}"),
        *(("DPoP", Proof.new().sign()) for _ in range(3)),
    ]
    routes = [*provider.parts.protocol_routes()]
    paths = [route.path for route in routes if isinstance(route, Route)]
    pages = ["/authorize", "/login", "/consent", "/device", "/device/confirm", "/select-account"]
    pages += ["/logout", "/logout/confirm", "/logged-out", "/assets/x", "/"]
    return Known(values, headers, [*paths, *pages])


def requests(known: Known) -> st.SearchStrategy[dict[str, Any]]:
    value = st.one_of(
        st.sampled_from(known.values), st.sampled_from(HOSTILE), st.text(max_size=20), JWTS
    )
    name = st.one_of(st.sampled_from(NAMES), st.sampled_from(NAMES), st.text(max_size=5))
    form = st.lists(st.tuples(name, value), max_size=8).map(encode)
    body = st.one_of(form, form, form, st.binary(max_size=200))
    text = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=30)
    header = st.one_of(
        st.sampled_from(known.headers),
        st.tuples(st.just("DPoP"), JWTS),
        st.tuples(st.just("Authorization"), st.one_of(JWTS.map("DPoP {}".format), text)),
        st.tuples(st.sampled_from(["Accept", "Cookie", "X-Forwarded-For", "Content-Type"]), text),
        st.just(("Accept", "text/html")),
    )
    return st.fixed_dictionaries(
        {
            "method": METHODS,
            "path": st.sampled_from(known.paths),
            "query": st.one_of(st.just(b""), form),
            "body": body,
            "headers": st.lists(header, max_size=3),
        }
    )


def encode(pairs: list[tuple[str, str]]) -> bytes:
    def quoted(text: str) -> str:
        return quote_plus(text.encode("utf-8", "surrogatepass"))

    return "&".join(f"{quoted(name)}={quoted(value)}" for name, value in pairs).encode()


def fuzz(base_url: httpx.URL, known: Known) -> int:
    """Send examples from a thread of its own; return how many were sent."""
    sent = 0

    with httpx.Client(base_url=base_url, timeout=PATIENCE_SECONDS) as http:

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        @given(requests(known))
        def never_5xx(request: dict[str, Any]) -> None:
            nonlocal sent
            sent += 1
            headers = [("Content-Type", "application/x-www-form-urlencoded"), *request["headers"]]
            url = httpx.URL(base_url.join(request["path"]), query=request["query"] or None)
            content = None if request["method"] in {"GET", "HEAD"} else request["body"]
            built = http.build_request(
                request["method"],
                url,
                content=content,
                headers=[(name, value.strip()) for name, value in headers],
            )
            response = http.send(built)
            assert response.status_code < 500, response.text
            assert "Traceback" not in response.text

        never_5xx()
    return sent


async def test_no_request_makes_the_server_fail(provider: Provider) -> None:
    there = await known(provider)
    sent = await asyncio.to_thread(fuzz, provider.http.base_url, there)
    assert sent >= EXAMPLES
