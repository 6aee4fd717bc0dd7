"""Two replicas on one PostgreSQL: what is used once is used once at both together."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from identity.tests.processes import acting
from identity.tests.provider import DEVICE_CODE, Proof, Provider, new_user, register, serving
from runtime.migrate import upgrade

ISSUER = "https://id.example.com"


@pytest.fixture
async def replicas(postgres_url: str, tmp_path: Path) -> AsyncIterator[tuple[Provider, Provider]]:
    await upgrade(postgres_url, "identity.migrations")
    async with AsyncExitStack() as stack:
        parts = [
            await stack.enter_async_context(
                acting(postgres_url, tmp_path, ISSUER, refresh_grace="0s")
            )
            for _ in range(2)
        ]
        await register(parts[0].base.clients)
        user, session = await new_user(parts[0].base.database)
        one, two = [await stack.enter_async_context(serving(each, user, session)) for each in parts]
        yield one, two


def outcomes(*answers: httpx.Response) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


async def test_a_code_is_redeemed_once(replicas: tuple[Provider, Provider]) -> None:
    code = await replicas[0].code()
    calls = [each.redeem(code) for _ in range(25) for each in replicas]
    assert outcomes(*await asyncio.gather(*calls)) == {200: 1, 400: 49}


async def test_a_refresh_token_is_used_once(replicas: tuple[Provider, Provider]) -> None:
    token = (await replicas[0].tokens())["refresh_token"]
    calls = [each.refresh(token) for _ in range(25) for each in replicas]
    assert outcomes(*await asyncio.gather(*calls)) == {200: 1, 400: 49}


async def test_a_device_code_is_redeemed_once(replicas: tuple[Provider, Provider]) -> None:
    started = await replicas[0].post("/device_authorization", None, client_id="app")
    device = started.json()
    await replicas[1].parts.devices.approve(device["user_code"], replicas[1].session)
    form = {"client_id": "app", "device_code": device["device_code"]}
    calls = [
        each.token(None, grant_type=DEVICE_CODE, **form) for _ in range(25) for each in replicas
    ]
    assert outcomes(*await asyncio.gather(*calls)) == {200: 1, 400: 49}


async def test_a_dpop_proof_is_good_once(replicas: tuple[Provider, Provider]) -> None:
    headers = {"DPoP": Proof.new().sign()}
    calls = [
        each.token("service", headers, grant_type="client_credentials")
        for _ in range(10)
        for each in replicas
    ]
    assert outcomes(*await asyncio.gather(*calls)) == {200: 1, 400: 19}


async def test_what_one_revokes_the_other_honours_no_more(
    replicas: tuple[Provider, Provider],
) -> None:
    one, two = replicas
    tokens = await one.tokens()
    assert (await two.introspect(tokens["access_token"]))["active"] is True
    await one.post("/revoke", "web", token=tokens["refresh_token"])
    assert await two.introspect(tokens["access_token"]) == {"active": False}
    assert (await two.refresh(tokens["refresh_token"])).status_code == 400
