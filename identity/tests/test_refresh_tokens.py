"""RFC 6749 §6, RFC 9700 §4.14: rotation, reuse, and a short grace for a lost answer."""

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt

from identity.tests.provider import ORDERS, STOCK, Proof, Provider, provider_on
from identity.tests.times import HandClock
from runtime.database import Database


def claims_of(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


async def test_a_refresh_token_gives_new_tokens_once(provider: Provider) -> None:
    first = await provider.tokens(nonce="n")
    second = (await provider.refresh(first["refresh_token"])).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["scope"] == first["scope"]
    assert claims_of(second["access_token"])["sub"] == provider.user.user_id
    refreshed = claims_of(second["id_token"])
    assert refreshed["auth_time"] == claims_of(first["id_token"])["auth_time"]
    assert "nonce" not in refreshed
    third = await provider.refresh(second["refresh_token"])
    assert third.status_code == 200


async def test_a_used_refresh_token_revokes_the_family(provider: Provider) -> None:
    first = await provider.tokens()
    second = (await provider.refresh(first["refresh_token"])).json()
    reused = await provider.refresh(first["refresh_token"])
    assert (reused.status_code, reused.json()["error"]) == (400, "invalid_grant")
    assert (await provider.refresh(second["refresh_token"])).json()["error"] == "invalid_grant"
    assert await provider.introspect(second["access_token"]) == {"active": False}


async def test_authlib_rotates_no_refresh_token_atomically_but_we_do(provider: Provider) -> None:
    token = (await provider.tokens())["refresh_token"]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(provider.refresh(token)) for _ in range(50)]
    codes = Counter(task.result().status_code for task in tasks)
    assert codes == {200: 1, 400: 49}


async def test_who_asked_first_and_had_to_wait_has_used_the_token_again(
    database: Database, tmp_path: Path, clock: HandClock
) -> None:
    """The time of a request is when it came, and others may have been served before it."""
    async with provider_on(database, tmp_path, clock, refresh_grace="0s") as provider:
        token = (await provider.tokens())["refresh_token"]
        clock.advance(timedelta(seconds=1))
        assert (await provider.refresh(token)).status_code == 200
        clock.advance(timedelta(microseconds=-1))
        assert (await provider.refresh(token)).json()["error"] == "invalid_grant"


async def test_within_the_grace_fifty_callers_get_one_successor(
    database: Database, tmp_path: Path
) -> None:
    async with provider_on(database, tmp_path, refresh_grace="30s") as provider:
        token = (await provider.tokens())["refresh_token"]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(provider.refresh(token)) for _ in range(50)]
        answers = [task.result() for task in tasks]
        assert {each.status_code for each in answers} == {200}
        successors = {each.json()["refresh_token"] for each in answers}
        assert len(successors) == 1
        assert (await provider.refresh(successors.pop())).status_code == 200


async def test_a_lost_answer_can_be_asked_for_again_within_the_grace(
    database: Database, tmp_path: Path, clock: HandClock
) -> None:
    async with provider_on(database, tmp_path, clock, refresh_grace="10s") as provider:
        token = (await provider.tokens())["refresh_token"]
        lost = (await provider.refresh(token)).json()
        clock.advance(timedelta(seconds=9))
        again = (await provider.refresh(token)).json()
        assert again["refresh_token"] == lost["refresh_token"]
        clock.advance(timedelta(seconds=2))
        assert (await provider.refresh(token)).json()["error"] == "invalid_grant"
        assert (await provider.refresh(lost["refresh_token"])).json()["error"] == "invalid_grant"


async def test_the_grace_ends_when_the_successor_is_used(
    database: Database, tmp_path: Path
) -> None:
    async with provider_on(database, tmp_path, refresh_grace="30s") as provider:
        first = (await provider.tokens())["refresh_token"]
        second = (await provider.refresh(first)).json()["refresh_token"]
        third = (await provider.refresh(second)).json()["refresh_token"]
        assert (await provider.refresh(first)).json()["error"] == "invalid_grant"
        assert (await provider.refresh(third)).json()["error"] == "invalid_grant"


async def test_client_and_scope_are_checked_before_the_token_is_used_up(
    provider: Provider,
) -> None:
    token = (await provider.tokens())["refresh_token"]
    assert (await provider.refresh(token, "other")).json()["error"] == "invalid_grant"
    too_much = await provider.refresh(token, scope="openid orders.read orders.write")
    assert too_much.json()["error"] == "invalid_scope"
    elsewhere = await provider.refresh(token, resource="urn:example:none")
    assert elsewhere.json()["error"] == "invalid_target"
    assert (await provider.refresh(token)).status_code == 200


async def test_fewer_scopes_may_be_asked_for_and_the_grant_keeps_all(provider: Provider) -> None:
    first = await provider.tokens(scope="openid orders.read stock.read")
    second = (await provider.refresh(first["refresh_token"], scope="stock.read")).json()
    assert second["scope"] == "stock.read"
    assert claims_of(second["access_token"])["aud"] == STOCK
    assert "id_token" not in second
    third = (await provider.refresh(second["refresh_token"], resource=ORDERS)).json()
    assert third["scope"] == "openid orders.read"
    fewer = {"scope": "openid orders.read", "resource": STOCK}
    nothing_there = await provider.refresh(third["refresh_token"], **fewer)
    assert nothing_there.json()["error"] == "invalid_target"


async def test_an_unknown_token_is_an_invalid_grant(provider: Provider) -> None:
    for token in ("x" * 43, "ü", "a.b.c", "a" * 5000):
        response = await provider.refresh(token)
        assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")


async def test_a_refresh_token_expires_unused_and_its_grant_expires_anyway(
    database: Database, tmp_path: Path, clock: HandClock
) -> None:
    lifetimes: dict[str, Any] = {"refresh_token_lifetime": "2d", "grant_lifetime": "5d"}
    async with provider_on(database, tmp_path, clock, **lifetimes) as provider:
        token = (await provider.tokens())["refresh_token"]
        for _ in range(3):
            clock.advance(timedelta(days=1, hours=12))
            await provider.parts.base.keys.follow()
            token = (await provider.refresh(token)).json()["refresh_token"]
        clock.advance(timedelta(hours=12, seconds=1))
        await provider.parts.base.keys.follow()
        assert (await provider.refresh(token)).json()["error"] == "invalid_grant"
        unused = (await provider.tokens())["refresh_token"]
        clock.advance(timedelta(days=2, seconds=1))
        await provider.parts.base.keys.follow()
        assert (await provider.refresh(unused)).json()["error"] == "invalid_grant"


async def test_the_refresh_token_of_a_public_client_is_bound_to_its_dpop_key(
    provider: Provider,
) -> None:
    proof = Proof.new()
    code = await provider.code("app")
    first = (await provider.redeem(code, "app", {"DPoP": proof.sign()})).json()
    token = first["refresh_token"]
    assert (await provider.refresh(token, "app")).json()["error"] == "invalid_grant"
    other = {"DPoP": Proof.new().sign()}
    assert (await provider.refresh(token, "app", other)).json()["error"] == "invalid_grant"
    right = await provider.refresh(token, "app", {"DPoP": proof.sign()})
    assert right.json()["token_type"] == "DPoP"


async def test_a_logout_ends_what_was_not_granted_for_offline_use(provider: Provider) -> None:
    online = await provider.tokens()
    offline = await provider.tokens(scope="openid offline_access")
    await provider.log_out()
    assert (await provider.refresh(online["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await provider.refresh(offline["refresh_token"])).status_code == 200
