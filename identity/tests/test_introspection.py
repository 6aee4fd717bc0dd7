"""RFC 7662 and RFC 7009."""

from datetime import timedelta
from pathlib import Path

from identity.tests.provider import ISSUER, ORDERS, Proof, Provider, provider_on
from identity.tests.times import HandClock
from runtime.database import Database

INACTIVE = {"active": False}


async def test_a_client_and_a_resource_server_learn_of_a_token_and_others_do_not(
    provider: Provider,
) -> None:
    token = await provider.credentials_token(scope="orders.read")
    for client_id in ("service", "api"):
        known = await provider.introspect(token, client_id)
        assert known["active"] is True
        assert known["iss"] == ISSUER
        assert known["aud"] == ORDERS
        assert known["client_id"] == known["sub"] == "service"
        assert known["scope"] == "orders.read"
        assert known["token_type"] == "Bearer"
    assert await provider.introspect(token, "web") == INACTIVE


async def test_a_refresh_token_is_its_clients_to_introspect(provider: Provider) -> None:
    token = (await provider.tokens())["refresh_token"]
    known = await provider.introspect(token, "web")
    assert known["active"] is True
    assert known["sub"] == provider.user.user_id
    assert await provider.introspect(token, "other") == INACTIVE
    await provider.refresh(token)
    assert await provider.introspect(token, "web") == INACTIVE


async def test_what_is_no_token_is_inactive(provider: Provider) -> None:
    for token in ("x", "a.b.c", "ü.ü.ü", "a" * 20_000, "." * 9):
        assert await provider.introspect(token) == INACTIVE


async def test_an_expired_token_is_inactive(
    database: Database, tmp_path: Path, clock: HandClock
) -> None:
    async with provider_on(database, tmp_path, clock) as provider:
        token = await provider.credentials_token()
        assert (await provider.introspect(token))["active"] is True
        clock.advance(timedelta(minutes=10))
        assert await provider.introspect(token) == INACTIVE


async def test_an_id_token_is_no_access_token(provider: Provider) -> None:
    assert await provider.introspect((await provider.tokens())["id_token"]) == INACTIVE


async def test_a_public_client_may_not_introspect(provider: Provider) -> None:
    response = await provider.post("/introspect", None, client_id="app", token="x")
    assert response.status_code == 401


async def test_a_missing_token_is_an_invalid_request(provider: Provider) -> None:
    for path in ("/introspect", "/revoke"):
        response = await provider.post(path, "service")
        assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


async def test_a_hint_changes_nothing(provider: Provider) -> None:
    for hint in ("access_token", "refresh_token", "other"):
        token = await provider.credentials_token()
        for path in ("/introspect", "/revoke"):
            response = await provider.post(path, "service", token=token, token_type_hint=hint)
            assert response.status_code == 200
        assert await provider.introspect(token) == INACTIVE


async def test_a_revoked_access_token_is_inactive_and_its_family_lives(provider: Provider) -> None:
    tokens = await provider.tokens()
    for _ in range(2):
        response = await provider.post("/revoke", "web", token=tokens["access_token"])
        assert response.status_code == 200
    assert await provider.introspect(tokens["access_token"]) == INACTIVE
    assert (await provider.refresh(tokens["refresh_token"])).status_code == 200


async def test_a_revoked_refresh_token_takes_its_family_along(provider: Provider) -> None:
    tokens = await provider.tokens()
    await provider.post("/revoke", "web", token=tokens["refresh_token"])
    assert await provider.introspect(tokens["access_token"]) == INACTIVE
    assert (await provider.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_another_clients_token_is_not_revoked(provider: Provider) -> None:
    tokens = await provider.tokens()
    refused = await provider.post("/revoke", "other", token=tokens["access_token"])
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    unknown = await provider.post("/revoke", "other", token=tokens["refresh_token"])
    assert unknown.status_code == 200
    assert (await provider.introspect(tokens["access_token"]))["active"] is True
    assert (await provider.refresh(tokens["refresh_token"])).status_code == 200


async def test_an_unknown_token_is_as_good_as_revoked(provider: Provider) -> None:
    assert (await provider.post("/revoke", "web", token="unknown")).status_code == 200


async def test_a_public_client_revokes_its_own(provider: Provider) -> None:
    tokens = await provider.tokens("app")
    response = await provider.post("/revoke", None, client_id="app", token=tokens["access_token"])
    assert response.status_code == 200
    assert await provider.introspect(tokens["access_token"]) == INACTIVE


async def test_introspection_tells_the_key_that_a_token_is_bound_to(provider: Provider) -> None:
    proof = Proof.new()
    response = await provider.token(
        "service", {"DPoP": proof.sign()}, grant_type="client_credentials"
    )
    known = await provider.introspect(response.json()["access_token"])
    assert known["cnf"] == {"jkt": proof.jkt}
    assert known["token_type"] == "DPoP"
