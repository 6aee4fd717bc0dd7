"""RFC 6749 §2.3, RFC 7523 §3: one method a request, and the registered one alone."""

import base64
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from identity.protocol.request import Request
from identity.tests.provider import (
    ASSERTION_TYPE,
    ISSUER,
    SECRET,
    SIGNER_KEY,
    Provider,
    assertion,
    challenges,
    provider_on,
)
from identity.tests.times import stopped
from runtime.database import Database


def basic(client_id: str, secret: str) -> dict[str, str]:
    encoded = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    return {"Authorization": f"Basic {encoded}"}


async def ask(provider: Provider, headers: Any = None, **form: str) -> Any:
    return await provider.http.post(
        "/token", data={"grant_type": "client_credentials", **form}, headers=headers or {}
    )


async def test_basic_decodes_id_and_secret_as_rfc6749_encodes_them(provider: Provider) -> None:
    secret = "a+b c:d%é/" + "x" * 40
    await provider.parts.base.clients.add_secret("service", secret)
    encoded = "a%2Bb+c%3Ad%25%C3%A9%2F" + "x" * 40
    response = await ask(provider, basic("serv%69ce", encoded))
    assert response.status_code == 200, response.text


async def test_post_works_for_who_registered_it(provider: Provider) -> None:
    response = await ask(provider, client_id="poster", client_secret=SECRET)
    assert response.status_code == 200


type Case = tuple[dict[str, str], dict[str, str]]

UNPROVEN: list[Case] = [
    (basic("poster", SECRET), {}),
    ({}, {"client_id": "service", "client_secret": SECRET}),
    ({}, {"client_id": "service"}),
    (basic("signer", SECRET), {}),
    (basic("app", ""), {}),
    (basic("service", SECRET + "x"), {}),
    (basic("nobody", SECRET), {}),
    (basic("", ""), {}),
    ({"Authorization": "Basic ???"}, {}),
    ({"Authorization": "Basic /w=="}, {}),
    ({"Authorization": "Basic c2VydmljZQ=="}, {}),
    ({"Authorization": "Bearer abc"}, {}),
    ({"Authorization": ""}, {}),
    ({}, {}),
    ({}, {"client_assertion": "x", "client_assertion_type": "y"}),
]


async def test_anything_but_the_registered_method_is_an_invalid_client(provider: Provider) -> None:
    for headers, form in UNPROVEN:
        response = await ask(provider, headers, **form)
        assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
        # RFC 7617 §2: a realm is required, and UTF-8 the one charset that may be named.
        assert challenges(response) == {"Basic": {"realm": "bodega", "charset": "UTF-8"}}


DOUBLE: list[Case] = [
    (basic("service", SECRET), {"client_id": "service", "client_secret": SECRET}),
    (basic("service", SECRET), {"client_assertion": "x"}),
    ({}, {"client_id": "poster", "client_secret": SECRET, "client_assertion": "x"}),
    (basic("service", SECRET), {"client_id": "poster"}),
]


async def test_two_methods_at_once_are_refused(provider: Provider) -> None:
    for headers, form in DOUBLE:
        response = await ask(provider, headers, **form)
        assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


async def test_an_expired_secret_is_good_no_more_and_the_new_one_is(provider: Provider) -> None:
    clients = provider.parts.base.clients
    new = await clients.add_secret("service", others_expire=time.time_ns() // 1000 - 1)
    assert new is not None
    assert (await ask(provider, basic("service", SECRET))).status_code == 401
    assert (await ask(provider, basic("service", new))).status_code == 200


async def test_private_key_jwt_is_checked_by_pyjwt(provider: Provider) -> None:
    for audience in (ISSUER, ISSUER + "/token", [ISSUER, "https://else.example.com"]):
        response = await ask(
            provider,
            client_assertion_type=ASSERTION_TYPE,
            client_assertion=assertion(aud=audience),
        )
        assert response.status_code == 200, response.text
    told = await provider.http.post(
        "/introspect",
        data={
            "token": "x",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion(aud=ISSUER + "/introspect"),
        },
    )
    assert told.status_code == 200
    elsewhere = assertion(aud=ISSUER + "/introspect")
    form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": elsewhere}
    assert (await ask(provider, **form)).status_code == 401


async def test_an_assertion_is_good_once(provider: Provider) -> None:
    form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion()}
    assert (await ask(provider, **form)).status_code == 200
    assert (await ask(provider, **form)).status_code == 401


def signed(key: Any = SIGNER_KEY, algorithm: str = "ES256", **headers: Any) -> str:
    claims = jwt.decode(assertion(), options={"verify_signature": False})
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": "signer-1", **headers})


WRONG: dict[str, Callable[[], str]] = {
    "another key": lambda: signed(generate_private_key(SECP256R1())),
    "no signature": lambda: signed(None, "none"),
    "a secret": lambda: signed("k" * 32, "HS256"),
    "unknown kid": lambda: signed(kid="else"),
    "the jwk in its header": lambda: signed(generate_private_key(SECP256R1()), jwk={"kty": "EC"}),
    "issuer": lambda: assertion(iss="service"),
    "subject": lambda: assertion(sub="service"),
    "audience": lambda: assertion(aud="https://else.example.com"),
    "no audience": lambda: assertion(aud=None),
    "expired": lambda: assertion(exp=int(time.time()) - 60),
    "no expiry": lambda: assertion(exp=None),
    "too long": lambda: assertion(exp=int(time.time()) + int(timedelta(days=1).total_seconds())),
    "infinite": lambda: assertion(exp=float("inf")),
    "not yet": lambda: assertion(nbf=int(time.time()) + 600),
    "no jti": lambda: assertion(jti=None),
    "jti of another type": lambda: assertion(jti=7),
    "no JWT": lambda: "a.b.c",
    "deep": lambda: "e30." + base64.urlsafe_b64encode(b"[" * 5000).decode().rstrip("=") + ".x",
    "long": lambda: "a" * 10_000,
}


async def test_a_wrong_assertion_is_an_invalid_client(provider: Provider) -> None:
    for name, wrong in WRONG.items():
        form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": wrong()}
        response = await ask(provider, **form)
        assert (response.status_code, response.json()["error"]) == (401, "invalid_client"), name


async def test_a_client_that_asks_too_often_is_told_to_wait(
    database: Database, tmp_path: Path
) -> None:
    async with provider_on(database, tmp_path, monotonic=stopped, client_rate=1) as provider:
        assert (await ask(provider, basic("service", SECRET))).status_code == 200
        response = await ask(provider, basic("service", SECRET))
        assert response.status_code == 429
        assert int(response.headers["retry-after"]) >= 1
        assert (await ask(provider, basic("api", SECRET))).status_code == 200


async def test_an_address_that_guesses_is_told_to_wait(database: Database, tmp_path: Path) -> None:
    async with provider_on(database, tmp_path, monotonic=stopped, address_rate=1) as provider:
        assert (await ask(provider, basic("service", "wrong"))).status_code == 401
        assert (await ask(provider, basic("service", "wrong"))).status_code == 429
        assert (await ask(provider, basic("service", SECRET))).status_code == 200


def test_insecure_transport_of_authlib_is_no_trap_on_loopback() -> None:
    """Authlib refuses http but for loopback; our URI comes of the issuer, never of the Host."""
    for issuer in ("http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost:8080", ISSUER):
        assert Request("POST", issuer + "/token", [], headers={}).form == {}


HOSTILE_IDS = ["a\0b", "\ud800", "a%00b", "%ED%A0%80", "ü", "", " ", "a" * 5000]


async def test_whatever_is_written_for_a_client_id_is_an_invalid_client(provider: Provider) -> None:
    """PostgreSQL cannot be asked about a NUL, and no database about a lone surrogate."""
    for client_id in HOSTILE_IDS:
        encoded = base64.b64encode(f"{client_id}:x".encode("utf-8", "surrogatepass")).decode()
        by_basic = await ask(provider, {"Authorization": f"Basic {encoded}"})
        unproven = assertion(sub=client_id, iss=client_id)
        by_key = await ask(
            provider, client_assertion_type=ASSERTION_TYPE, client_assertion=unproven
        )
        for refused in (by_basic, by_key):
            assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
