"""Deny by default: what cannot be enforced cannot be registered."""

import asyncio

import grpc
import pytest
from grpc import aio

from bodega.auth.v1 import policy_pb2
from bodega.product.v1 import product_pb2
from runtime.call import Context
from runtime.chain import default_chain
from runtime.errors import DomainError, PermissionDenied
from runtime.method import Method
from runtime.policy import PolicyError, policy_of
from runtime.reason import Reason
from runtime.server import Server
from runtime.settings import ServerSettings
from runtime.testing.echo import KINDS, Echo, add_echo, echo_service
from runtime.testing.rpc import ServeEcho

SCOPED = policy_pb2.Policy(scopes=["catalogue.write", "catalogue.read"])


class OnceOnly:
    """Lets the first call through."""

    def __init__(self) -> None:
        self.asked: list[frozenset[str]] = []

    def admits(self, _context: Context, _scopes: frozenset[str]) -> bool:
        return False

    async def verify(self, _context: Context, scopes: frozenset[str]) -> None:
        self.asked.append(scopes)
        if len(self.asked) > 1:
            raise PermissionDenied("no", reason=Reason.SCOPE_MISSING)

    async def hold(self, context: Context, scopes: frozenset[str]) -> asyncio.Future[DomainError]:
        await self.verify(context, scopes)
        return asyncio.get_running_loop().create_future()


def add(settings: ServerSettings, policy: policy_pb2.Policy | None) -> None:
    echo = Echo(echo_service(policy))
    Server(settings).add(add_echo, echo, echo.service)


async def test_an_rpc_without_a_policy_cannot_be_served(server_settings: ServerSettings) -> None:
    with pytest.raises(PolicyError, match=r"/Say has no option \(bodega.auth.v1.policy\)"):
        add(server_settings, None)


@pytest.mark.parametrize(
    "policy", [policy_pb2.Policy(), policy_pb2.Policy(public=True, scopes=["a"])]
)
async def test_a_policy_is_either_public_or_scoped(
    server_settings: ServerSettings, policy: policy_pb2.Policy
) -> None:
    with pytest.raises(PolicyError, match="either `public` or `scopes`"):
        add(server_settings, policy)


async def test_scopes_that_nothing_verifies_cannot_be_served(
    server_settings: ServerSettings,
) -> None:
    with pytest.raises(PolicyError, match="nothing to verify them with"):
        add(server_settings, SCOPED)


@pytest.mark.parametrize("kind", KINDS)
async def test_the_verifier_gets_the_scopes_and_its_refusal_arrives(
    serve_echo: ServeEcho, server_settings: ServerSettings, kind: str
) -> None:
    guard = OnceOnly()
    chain = default_chain(server_settings, guard=guard)
    stub = await serve_echo(Echo(echo_service(SCOPED)), middleware=chain)
    assert await stub.call(kind, "a") == ["a"]
    with pytest.raises(aio.AioRpcError) as caught:
        # Malformed: who may not call is refused before anything is parsed.
        await stub.call(kind, b"\xff")
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert guard.asked == [{"catalogue.write", "catalogue.read"}] * 2


def test_every_rpc_of_the_catalogue_has_a_policy() -> None:
    service = product_pb2.DESCRIPTOR.services_by_name["ProductService"]
    for method in service.methods:
        policy_of(Method(service.full_name, method.name, False, False, method))
