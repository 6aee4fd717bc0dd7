"""RFC 8628."""

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from identity.tests.provider import DEVICE_CODE, ISSUER, Provider, provider_on
from identity.tests.times import HandClock
from runtime.database import Database


async def start(provider: Provider, **form: str) -> dict[str, Any]:
    response = await provider.post(
        "/device_authorization", None, client_id="app", **{"scope": "openid orders.read", **form}
    )
    assert response.status_code == 200, response.text
    return dict(response.json())


async def poll(provider: Provider, device_code: str) -> httpx.Response:
    return await provider.token(
        None, grant_type=DEVICE_CODE, client_id="app", device_code=device_code
    )


async def test_a_device_is_told_where_its_user_goes(provider: Provider) -> None:
    started = await start(provider)
    assert started["verification_uri"] == ISSUER + "/device"
    user_code = started["user_code"]
    assert len(user_code) == 9
    assert user_code[4] == "-"
    assert started["verification_uri_complete"] == f"{ISSUER}/device?user_code={user_code}"
    assert started["interval"] == 5
    assert started["expires_in"] == 600


async def test_a_device_waits_until_its_user_approves_and_gets_tokens_once(
    provider: Provider,
) -> None:
    started = await start(provider)
    assert (await poll(provider, started["device_code"])).json()["error"] == "authorization_pending"
    pending = await provider.parts.devices.pending(started["user_code"].lower().replace("-", " "))
    assert pending is not None
    assert pending.client_id == "app"
    assert pending.scopes == ("openid", "orders.read")
    assert await provider.parts.devices.approve(started["user_code"], provider.session)
    assert await provider.parts.devices.pending(started["user_code"]) is None
    answer = await poll(provider, started["device_code"])
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert {"access_token", "refresh_token", "id_token"} <= set(body)
    assert (await poll(provider, started["device_code"])).json()["error"] == "invalid_grant"
    assert (await provider.refresh(body["refresh_token"], "app")).status_code == 200


async def test_a_device_code_is_used_once_by_fifty_callers(provider: Provider) -> None:
    started = await start(provider)
    await provider.parts.devices.approve(started["user_code"], provider.session)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(poll(provider, started["device_code"])) for _ in range(50)]
    assert Counter(task.result().status_code for task in tasks) == {200: 1, 400: 49}


async def test_who_polls_too_fast_slows_down_by_five_seconds(
    database: Database, tmp_path: Path, clock: HandClock
) -> None:
    async with provider_on(database, tmp_path, clock) as provider:
        device_code = (await start(provider))["device_code"]

        async def error_after(seconds: float) -> str:
            clock.advance(timedelta(seconds=seconds))
            return str((await poll(provider, device_code)).json()["error"])

        assert await error_after(0) == "authorization_pending"
        assert await error_after(5) == "authorization_pending"
        assert await error_after(4) == "slow_down"
        assert await error_after(9) == "slow_down"
        assert await error_after(15) == "authorization_pending"


async def test_a_device_that_is_denied_is_told_so(provider: Provider) -> None:
    started = await start(provider)
    assert await provider.parts.devices.deny(started["user_code"])
    assert not await provider.parts.devices.approve(started["user_code"], provider.session)
    assert (await poll(provider, started["device_code"])).json()["error"] == "access_denied"


async def test_a_device_code_expires(database: Database, tmp_path: Path, clock: HandClock) -> None:
    async with provider_on(database, tmp_path, clock) as provider:
        started = await start(provider)
        clock.advance(timedelta(minutes=10))
        assert await provider.parts.devices.pending(started["user_code"]) is None
        assert not await provider.parts.devices.approve(started["user_code"], provider.session)
        assert (await poll(provider, started["device_code"])).json()["error"] == "expired_token"


async def test_a_device_code_is_its_clients_alone(provider: Provider) -> None:
    started = await start(provider)
    await provider.parts.devices.approve(started["user_code"], provider.session)
    for code in (started["device_code"], "x" * 43):
        response = await provider.token("web", grant_type=DEVICE_CODE, device_code=code)
        assert response.json()["error"] == "unauthorized_client"
    assert (await poll(provider, "x" * 43)).json()["error"] == "invalid_grant"
    assert (await poll(provider, "")).json()["error"] == "invalid_request"


async def test_the_device_endpoint_checks_client_and_scope(provider: Provider) -> None:
    async def error(client: str | None, **form: str) -> str:
        response = await provider.post("/device_authorization", client, **form)
        assert response.status_code in {400, 401}
        return str(response.json()["error"])

    assert await error("web") == "unauthorized_client"
    assert await error(None, client_id="app", scope="unknown") == "invalid_scope"
    assert await error(None, client_id="app", resource="urn:none") == "invalid_target"
    assert await error(None) == "invalid_client"


async def test_a_log_out_ends_what_a_device_has_not_fetched_yet(provider: Provider) -> None:
    """Its grant is made when it fetches: until then there is nothing else to revoke."""
    online = await start(provider)
    offline = await start(provider, scope="openid offline_access")
    for started in (online, offline):
        assert await provider.parts.devices.approve(started["user_code"], provider.session)
    await provider.log_out()
    assert (await poll(provider, online["device_code"])).json()["error"] == "access_denied"
    assert (await poll(provider, offline["device_code"])).status_code == 200


async def test_a_new_password_ends_what_a_device_has_not_fetched_yet(provider: Provider) -> None:
    started = await start(provider, scope="openid offline_access")
    assert await provider.parts.devices.approve(started["user_code"], provider.session)
    await provider.parts.users.set_password(provider.user.user_id, "another horse battery")
    assert (await poll(provider, started["device_code"])).json()["error"] == "access_denied"
