"""The walk once more with tokens that the real identity server issues and takes back."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import grpc
import httpx
import jwt
import pytest

from e2e.shop.guarded import SERVERS, audience
from e2e.shop.running import RunningShop, program, running_shop
from e2e.shop.tests.walk import Walk, let_in, owned_by, refusal, walking
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
def walk(servers: RunningShop) -> Iterator[Walk]:
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


def published(shop: RunningShop) -> set[str]:
    return {key["kid"] for key in httpx.get(f"{shop.issuer}/jwks").json()["keys"]}


async def test_a_token_for_one_server_is_refused_by_the_others(
    servers: RunningShop, walk: Walk
) -> None:
    tokens = await all_tokens(servers)
    for server, own in tokens.items():
        foreign = {other: own for other in SERVERS if other != server}
        assert set((await walk.refusals(foreign)).values()) == {INVALID}


@pytest.mark.parametrize(("server", "scope"), [("discount", "discounts.read"), ("cart", "carts")])
async def test_a_token_opens_no_more_than_its_scope(
    servers: RunningShop, walk: Walk, server: str, scope: str
) -> None:
    issued = await token(servers, server, scope)
    for rpc in walk.guarded(server):
        error = await walk.call(server, rpc, (), issued)
        denied = error is not None and error.code() is DENIED
        assert denied is (list(rpc.policy.scopes) != [scope]), (rpc.path, error)


async def test_a_token_does_not_open_the_cart_of_another(servers: RunningShop, walk: Walk) -> None:
    issued = await token(servers, "cart", "carts")
    for rpc in walk.guarded("cart"):
        request = owned_by("ann", rpc, None)
        if request is not None:
            error = await walk.call("cart", rpc, [request], issued)
            assert refusal(rpc, error) == (DENIED, "OWNER_FORBIDDEN"), rpc.path


async def test_when_a_key_is_deleted_its_tokens_open_nothing(
    servers: RunningShop, walk: Walk
) -> None:
    old = await all_tokens(servers)
    for server in SERVERS:
        await let_in(walk, server, old[server])
    kid = jwt.get_unverified_header(old["cart"])["kid"]
    await admin(servers, "keys", "delete", kid)
    await eventually(lambda: kid not in published(servers), 30)
    new = await all_tokens(servers)
    for server in SERVERS:
        await let_in(walk, server, new[server])
    assert set((await walk.refusals(old)).values()) == {INVALID}
