"""The walk once more with tokens that the real identity server issues and takes back."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import grpc
import httpx
import jwt
import pytest

from e2e.shop.guarded import SERVERS, audience
from e2e.shop.running import RunningShop, program, running_shop
from e2e.shop.tests.walk import Walk, owned_by, walking
from runtime.testing.waiting import eventually
from tools.shop.parts import PARTS

pytestmark = pytest.mark.integration

# What the operator may ask for.
SCOPES = {
    "product": ("catalog.write",),
    "discount": ("discounts.read", "discounts.write"),
    "cart": ("carts", "carts.manage"),
}
ENV = {"BODEGA_IDENTITY_KEY_POLL": "50ms"}
INVALID = (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID")
DENIED = grpc.StatusCode.PERMISSION_DENIED


@pytest.fixture
async def servers(data: Path) -> AsyncIterator[RunningShop]:
    """The shop without its workers."""
    parts = [part for part in PARTS if part.name in {"identity", *SERVERS}]
    async with running_shop(data, ENV, parts=parts) as shop:
        await shop.healthy()
        yield shop


@pytest.fixture
def walk(servers: RunningShop) -> AsyncIterator[Walk]:
    with walking(servers) as found:
        yield found


async def token(shop: RunningShop, server: str, *scopes: str) -> str:
    async with shop.tokens(audience(server), *scopes) as tokens:
        return await tokens.token()


async def all_tokens(shop: RunningShop) -> dict[str, str]:
    return {server: await token(shop, server, *scopes) for server, scopes in SCOPES.items()}


async def admin(shop: RunningShop, *words: str) -> None:
    """Run a command of the identity server's admin program."""
    identity = next(part for part in PARTS if part.name == "identity")
    found = program(replace(identity, binary="identity/admin"))
    where = ("--database", f"sqlite:///{shop.database('identity')}", "--data", str(shop.data))
    process = await asyncio.create_subprocess_exec(
        *found.command, *words, *where, env={**found.env}, stderr=subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 0, said


async def published(shop: RunningShop) -> set[str]:
    async with httpx.AsyncClient() as http:
        return {key["kid"] for key in (await http.get(f"{shop.issuer}/jwks")).json()["keys"]}
