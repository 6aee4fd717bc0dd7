"""A walk through every RPC of the servers, with whatever token."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import Message

from e2e.shop.audit import content
from e2e.shop.guarded import SERVERS, audience
from e2e.shop.reflected import Rpc, called, rpcs_of
from e2e.shop.running import RunningShop
from e2e.shop.tests.effects import Stock, new_name, stocked
from runtime.client import connect
from runtime.testing.failure import Failure
from runtime.testing.issuer import LoopbackIssuer
from runtime.testing.one_token import OneToken

REFUSED = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}

type Claims = dict[str, Any]
type Refusal = tuple[grpc.StatusCode, str]


@dataclass(frozen=True)
class Walk:
    """The servers, what each says that it serves, and channels to them that carry no token."""

    shop: RunningShop
    channels: Mapping[str, grpc.Channel]
    rpcs: Mapping[str, Sequence[Rpc]]

    def all(self) -> list[Rpc]:
        return [rpc for rpcs in self.rpcs.values() for rpc in rpcs]

    def guarded(self, server: str) -> list[Rpc]:
        """The RPCs that want a token: those whose policy names a scope."""
        return [rpc for rpc in self.rpcs[server] if rpc.policy.scopes]

    @property
    def scopes(self) -> frozenset[str]:
        """Every scope that any RPC wants."""
        return frozenset(scope for rpc in self.all() for scope in rpc.policy.scopes)

    def claims(self, issuer: LoopbackIssuer, server: str, **changes: object) -> Claims:
        """The claims of a token that may do everything, but for the changes."""
        return {**issuer.claims(audience(server), *sorted(self.scopes)), **changes}

    async def call(
        self, server: str, rpc: Rpc, requests: Sequence[Message], token: str | None
    ) -> grpc.RpcError | None:
        sent = [rpc.request(each) for each in requests] or [rpc.request()]
        return await called(self.channels[server], rpc, sent, token)

    async def refusals(
        self,
        tokens: Mapping[str, str | None],
        requests: Mapping[str, Sequence[Message]] = {},
    ) -> dict[str, Refusal]:
        """Call every RPC that wants a token with its server's; say how each was refused.

        All at once: a verifier asks its issuer for an unknown key once for all who wait.
        """
        calls = {
            rpc: self.call(server, rpc, requests.get(rpc.path, ()), token)
            for server, token in tokens.items()
            for rpc in self.guarded(server)
        }
        errors = await asyncio.gather(*calls.values())
        return {rpc.path: refusal(rpc, e) for rpc, e in zip(calls, errors, strict=True)}

    async def stocked(self, issuer: LoopbackIssuer) -> Stock:
        """Make things of a new owner's."""
        name = new_name()
        async with AsyncExitStack() as stack:
            channels = {}
            for server in SERVERS:
                token = issuer.signing.sign(self.claims(issuer, server, sub=name))
                channel = connect(self.shop.address(server), tokens=OneToken(token))
                channels[server] = await stack.enter_async_context(channel)
            return await stocked(name, channels)

    def content(self) -> dict[str, list[str]]:
        """All that the databases hold."""
        return {name: content(self.shop.database(name)) for name in SERVERS}


def refusal(rpc: Rpc, error: grpc.RpcError | None) -> Refusal:
    assert error is not None, f"{rpc.path} answered"
    return error.code(), Failure(error).reason


async def let_in(walk: Walk, server: str, token: str, *rpcs: Rpc) -> None:
    """See that calls are let in, the first RPC's by default, whatever an empty request is worth."""
    for rpc in rpcs or walk.guarded(server)[:1]:
        error = await walk.call(server, rpc, (), token)
        assert error is None or error.code() not in REFUSED, (rpc.path, error)


def owned_by(owner: str, rpc: Rpc, like: Message | None) -> Message | None:
    """Return the request with its owner set, wherever it names one; None where it names none."""
    made = rpc.request(like)
    for name, descriptor in made.DESCRIPTOR.fields_by_name.items():
        inner = descriptor.message_type
        if name == "owner":
            setattr(made, name, owner)
            return made
        if inner is not None and "owner" in inner.fields_by_name:
            getattr(made, name).owner = owner
            return made
    return None


@contextmanager
def walking(shop: RunningShop) -> Iterator[Walk]:
    with ExitStack() as stack:
        channels = {
            name: stack.enter_context(grpc.insecure_channel(shop.address(name))) for name in SERVERS
        }
        yield Walk(shop, channels, {name: rpcs_of(shop.address(name)) for name in SERVERS})
