"""RFC 9126."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from identity.asking import Refused
from identity.tests.provider import (
    Proof,
    Provider,
    provider_on,
    query_of,
    request_for,
)
from identity.tests.times import HandClock
from runtime.database import Database


async def push(
    provider: Provider,
    client: str = "web",
    headers: Any = None,
    **parameters: str | None,
) -> httpx.Response:
    form = dict(request_for(client, **parameters))  # type: ignore[arg-type]
    if client != "app":
        del form["client_id"]
    return await provider.post("/par", None if client == "app" else client, headers, **form)


async def pushed(provider: Provider, client: str = "web", **parameters: str) -> str:
    response = await push(provider, client, **parameters)
    assert response.status_code == 201, response.text
    return str(response.json()["request_uri"])


def by(request_uri: str, client: str = "web") -> list[tuple[str, str]]:
    return [("client_id", client), ("request_uri", request_uri)]


async def refused(provider: Provider, parameters: list[tuple[str, str]]) -> None:
    with pytest.raises(Refused):
        await provider.parts.authorization.examine(parameters)


async def test_a_pushed_request_is_used_once_however_often_it_is_looked_at(
    provider: Provider,
) -> None:
    response = await push(provider, state="s-1")
    assert response.status_code == 201
    assert response.headers["cache-control"] == "no-store"
    assert response.json()["expires_in"] == 600
    request_uri = response.json()["request_uri"]
    assert request_uri.startswith("urn:ietf:params:oauth:request_uri:")
    for _ in range(3):
        asked = await provider.parts.authorization.examine(by(request_uri))
        assert asked.state == "s-1"
        assert request_uri.rpartition(":")[2] in asked.query
        assert "scope" not in asked.query
    location = await provider.approved(by(request_uri))
    assert (await provider.redeem(query_of(location)["code"])).status_code == 200
    await refused(provider, by(request_uri))


async def test_of_two_approvals_of_one_pushed_request_one_counts(provider: Provider) -> None:
    request_uri = await pushed(provider)
    authorization = provider.parts.authorization
    one = await authorization.examine(by(request_uri))
    assert "code" in query_of(await authorization.approve(one, provider.session, one.scopes))
    with pytest.raises(Refused):
        await authorization.approve(one, provider.session, one.scopes)


async def test_a_refusal_uses_it_up(provider: Provider) -> None:
    request_uri = await pushed(provider)
    asked = await provider.parts.authorization.examine(by(request_uri))
    await provider.parts.authorization.refuse(asked, "access_denied", "no")
    await refused(provider, by(request_uri))


async def test_it_is_its_clients_alone_and_expires(
    database: Database, tmp_path: Path, clock: HandClock
) -> None:
    async with provider_on(database, tmp_path, clock) as provider:
        request_uri = await pushed(provider)
        await refused(provider, by(request_uri, "other"))
        clock.advance(timedelta(seconds=601))
        await refused(provider, by(request_uri))


async def test_what_is_wrong_is_told_at_once(provider: Provider) -> None:
    async def error(**parameters: str | None) -> tuple[int, Any]:
        response = await push(provider, **parameters)  # type: ignore[arg-type]
        return response.status_code, response.json()["error"]

    assert await error(redirect_uri="https://evil.example.com") == (400, "invalid_request")
    assert await error(scope="unknown") == (400, "invalid_scope")
    assert await error(code_challenge=None) == (400, "invalid_request")
    assert await error(code_challenge_method="plain") == (400, "invalid_request")
    assert await error(request="x") == (400, "request_not_supported")
    assert await error(request_uri="urn:x") == (400, "invalid_request")
    assert await error(response_type="token") == (400, "unsupported_response_type")
    assert (await provider.post("/par", None)).status_code == 401


async def test_a_client_may_be_bound_to_push(provider: Provider) -> None:
    await refused(provider, request_for("pusher"))
    asked = await provider.parts.authorization.examine(
        by(await pushed(provider, "pusher"), "pusher")
    )
    assert asked.client.client_id == "pusher"


async def test_a_public_client_pushes_without_a_secret(provider: Provider) -> None:
    request_uri = await pushed(provider, "app")
    asked = await provider.parts.authorization.examine(by(request_uri, "app"))
    assert asked.client.client_id == "app"


async def test_a_proof_at_the_push_binds_the_code(provider: Provider) -> None:
    proof = Proof.new()
    response = await push(provider, "web", {"DPoP": proof.sign("/par")})
    location = await provider.approved(by(response.json()["request_uri"]))
    code = query_of(location)["code"]
    assert (await provider.redeem(code)).json()["error"] == "invalid_grant"
    assert (await provider.redeem(code, headers={"DPoP": proof.sign()})).status_code == 200


async def test_a_proof_at_the_push_must_show_the_key_that_the_request_names(
    provider: Provider,
) -> None:
    """RFC 9449 §10.1: where both are there, they agree."""
    proof, other = Proof.new(), Proof.new()
    refused = await push(provider, "web", {"DPoP": proof.sign("/par")}, dpop_jkt=other.jkt)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_dpop_proof")
    malformed = await push(provider, "web", {"DPoP": "x"}, dpop_jkt=other.jkt)
    assert (malformed.status_code, malformed.json()["error"]) == (400, "invalid_dpop_proof")
    agreed = await push(provider, "web", {"DPoP": proof.sign("/par")}, dpop_jkt=proof.jkt)
    assert agreed.status_code == 201


async def test_the_secrets_of_the_push_are_not_kept(provider: Provider) -> None:
    form = dict(request_for("poster"))
    response = await provider.http.post("/par", data={**form, "client_secret": "x" * 43})
    assert response.status_code == 400  # It has no redirect URIs; but it was authenticated.
    request_uri = await pushed(provider)
    kept = await provider.parts.pushed.find(request_uri, "web")
    assert kept is not None
    assert not {"client_secret", "client_assertion"} & {name for name, _ in kept}
