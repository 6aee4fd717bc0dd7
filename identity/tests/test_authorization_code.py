"""RFC 6749 §4.1 and RFC 7636 at the token endpoint."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt

from identity.tests.provider import (
    ISSUER,
    ORDERS,
    STOCK,
    Proof,
    Provider,
    provider_on,
    request_for,
)
from identity.tests.times import HandClock
from runtime.database import Database


def claims_of(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


async def test_a_code_gives_access_refresh_and_id_token(provider: Provider) -> None:
    code = await provider.code(nonce="n-1")
    response = await provider.redeem(code)
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    body = response.json()
    assert set(body) == {
        "access_token", "token_type", "expires_in", "scope", "refresh_token", "id_token",
    }  # fmt: skip
    access, identity = claims_of(body["access_token"]), claims_of(body["id_token"])
    assert access["sub"] == identity["sub"] == provider.user.user_id
    assert access["aud"] == ORDERS
    assert access["auth_time"] == provider.session.auth_time // 1_000_000
    assert identity["aud"] == "web"
    assert identity["iss"] == ISSUER
    assert identity["nonce"] == "n-1"
    assert identity["sid"] == provider.session.sid
    assert "at_hash" in identity


async def test_without_openid_there_is_no_id_token(provider: Provider) -> None:
    assert "id_token" not in await provider.tokens(scope="orders.read")


async def test_a_code_that_is_used_twice_revokes_what_it_gave(provider: Provider) -> None:
    code = await provider.code()
    first = (await provider.redeem(code)).json()
    second = await provider.redeem(code)
    assert (second.status_code, second.json()["error"]) == (400, "invalid_grant")
    assert await provider.introspect(first["access_token"]) == {"active": False}
    assert (await provider.refresh(first["refresh_token"])).json()["error"] == "invalid_grant"


async def test_what_fails_its_checks_leaves_the_code_to_its_client(provider: Provider) -> None:
    code = await provider.code()
    for name, value, error in (
        ("code_verifier", "w" * 43, "invalid_grant"),
        ("code_verifier", "short", "invalid_request"),
        ("code_verifier", "", "invalid_request"),
        ("redirect_uri", "https://web.example.com/else", "invalid_grant"),
        ("redirect_uri", "", "invalid_grant"),
    ):
        refused = await provider.redeem(code, **{name: value})
        assert (refused.status_code, refused.json()["error"]) == (400, error)
    assert (await provider.redeem(code)).status_code == 200


async def test_another_client_gets_nothing_for_a_code_and_breaks_nothing(
    provider: Provider,
) -> None:
    code = await provider.code()
    stolen = await provider.redeem(code, "other")
    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")
    assert (await provider.redeem(code)).status_code == 200
    again = await provider.redeem(code, "other")
    assert again.json()["error"] == "invalid_grant"


async def test_an_unknown_code_is_an_invalid_grant(provider: Provider) -> None:
    for code in ("x" * 43, "ü", "a" * 5000):
        response = await provider.redeem(code)
        assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")


async def test_a_code_expires(database: Database, tmp_path: Path, clock: HandClock) -> None:
    async with provider_on(database, tmp_path, clock) as provider:
        code = await provider.code()
        clock.advance(timedelta(seconds=61))
        assert (await provider.redeem(code)).json()["error"] == "invalid_grant"


async def test_authlib_consumes_no_code_atomically_but_we_do(provider: Provider) -> None:
    code = await provider.code()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(provider.redeem(code)) for _ in range(50)]
    answers = [task.result() for task in tasks]
    assert sorted(each.status_code for each in answers) == [200] + [400] * 49
    assert {each.json()["error"] for each in answers if each.status_code == 400} == {
        "invalid_grant"
    }
    # The forty-nine others were a second use: nothing of it is left.
    token = next(each.json()["access_token"] for each in answers if each.status_code == 200)
    assert await provider.introspect(token) == {"active": False}


async def test_of_a_disabled_user_nothing_is_issued(provider: Provider) -> None:
    code = await provider.code()
    await provider.parts.users.set_disabled(provider.user.user_id, disabled=True)
    assert (await provider.redeem(code)).json()["error"] == "invalid_grant"


async def test_the_granted_resources_bound_those_of_the_token(provider: Provider) -> None:
    scope = "openid orders.read stock.read"
    code = await provider.code(scope=scope, resource=ORDERS)
    assert (await provider.redeem(code, resource=STOCK)).json()["error"] == "invalid_target"
    body = (await provider.redeem(code)).json()
    assert body["scope"] == "openid orders.read"
    assert claims_of(body["access_token"])["aud"] == ORDERS


async def test_a_native_client_without_a_secret_uses_any_loopback_port(provider: Provider) -> None:
    body = await provider.tokens("app")
    assert claims_of(body["access_token"])["client_id"] == "app"


async def test_the_user_may_grant_less_than_was_asked(provider: Provider) -> None:
    asked = await provider.parts.authorization.examine(
        request_for(scope="openid orders.read orders.write")
    )
    location = await provider.parts.authorization.approve(
        asked, provider.session, ["openid", "orders.read"]
    )
    code = location.partition("code=")[2].partition("&")[0]
    assert (await provider.redeem(code)).json()["scope"] == "openid orders.read"


async def test_a_code_bound_to_a_dpop_key_needs_that_key(provider: Provider) -> None:
    proof = Proof.new()
    code = await provider.code(dpop_jkt=proof.jkt)
    assert (await provider.redeem(code)).json()["error"] == "invalid_grant"
    other = {"DPoP": Proof.new().sign()}
    assert (await provider.redeem(code, headers=other)).json()["error"] == "invalid_grant"
    right = await provider.redeem(code, headers={"DPoP": proof.sign()})
    assert right.json()["token_type"] == "DPoP"
