"""The auth slot of the chain: the policy that stands beside each RPC in the proto.

Deny by default: an RPC without a policy, or one that wants scopes where nothing verifies
them, cannot be registered, so that its server does not start.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

from bodega.auth.v1 import policy_pb2
from runtime.call import Context
from runtime.endless import ending
from runtime.errors import DomainError
from runtime.method import Method
from runtime.middleware import StreamHandler, UnaryHandler


class Guard(Protocol):
    """Knows who calls, and what they may do. It is asked by every call, hence in two steps."""

    def admits(self, context: Context, scopes: frozenset[str]) -> bool:
        """Let a call go on, where that is known without waiting; False says nothing yet."""

    async def verify(self, context: Context, scopes: frozenset[str]) -> None:
        """Let the call go on, or raise Unauthenticated, PermissionDenied or Unavailable."""

    async def hold(self, context: Context, scopes: frozenset[str]) -> asyncio.Future[DomainError]:
        """Verify a stream without an end; the future says with which error it is to end.

        It is cancelled when the stream has ended.
        """


class PolicyError(Exception):
    """The policy of an RPC is missing, contradicts itself or cannot be enforced."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may call: anybody where `public`, else a caller with all the scopes."""

    public: bool
    scopes: frozenset[str]


def policy_of(method: Method) -> Policy:
    """Read the policy that the proto gives the RPC."""
    options = method.descriptor.GetOptions()
    if not options.HasExtension(policy_pb2.policy):
        message = f"{method.path} has no option (bodega.auth.v1.policy): say who may call it"
        raise PolicyError(message)
    declared = options.Extensions[policy_pb2.policy]
    if declared.public == bool(declared.scopes):
        message = f"{method.path}: its policy must have either `public` or `scopes`"
        raise PolicyError(message)
    return Policy(public=declared.public, scopes=frozenset(declared.scopes))


class Authorization:
    """Asks the guard for the scopes that the policy names; public RPCs cost nothing."""

    def __init__(self, guard: Guard | None = None) -> None:
        self._guard = guard

    def unary(self, method: Method, handler: UnaryHandler) -> UnaryHandler:
        """Guard a handler that answers once."""
        guard, scopes = self._guard, self._wanted(method)
        return handler if guard is None or not scopes else guard_unary(guard, scopes, handler)

    def stream(self, method: Method, handler: StreamHandler) -> StreamHandler:
        """Guard a handler that answers with a stream."""
        guard, scopes = self._guard, self._wanted(method)
        if guard is None or not scopes:
            return handler
        wrap = guard_endless if method.is_endless else guard_stream
        return wrap(guard, scopes, handler)

    def _wanted(self, method: Method) -> frozenset[str]:
        """Return the scopes that callers need, none where anybody may call."""
        if method.is_standard:
            return frozenset()
        policy = policy_of(method)
        if self._guard is None and policy.scopes:
            message = f"{method.path} wants scopes, and this server has nothing to verify them with"
            raise PolicyError(message)
        return policy.scopes


def guard_unary(guard: Guard, scopes: frozenset[str], handler: UnaryHandler) -> UnaryHandler:
    """Ask the guard before the handler."""
    admits, verify = guard.admits, guard.verify

    async def verified(request: Any, context: Context) -> Any:
        await verify(context, scopes)
        return await handler(request, context)

    # No coroutine of its own: what is known already costs two plain calls.
    def guarded(request: Any, context: Context) -> Awaitable[Any]:
        admitted = admits(context, scopes)
        return handler(request, context) if admitted else verified(request, context)

    return guarded


def guard_stream(guard: Guard, scopes: frozenset[str], handler: StreamHandler) -> StreamHandler:
    """Ask the guard before the handler's first answer."""
    admits, verify = guard.admits, guard.verify

    async def verified(request: Any, context: Context) -> Any:
        await verify(context, scopes)
        async with aclosing(handler(request, context)) as responses:
            async for response in responses:
                yield response

    def guarded(request: Any, context: Context) -> AsyncGenerator[Any]:
        admitted = admits(context, scopes)
        return handler(request, context) if admitted else verified(request, context)

    return guarded


def guard_endless(guard: Guard, scopes: frozenset[str], handler: StreamHandler) -> StreamHandler:
    """Ask the guard before the first answer, and let it end the stream later."""

    async def held(request: Any, context: Context) -> AsyncGenerator[Any]:
        end = await guard.hold(context, scopes)
        ending.set(end)
        try:
            async with aclosing(handler(request, context)) as responses:
                async for response in responses:
                    yield response
        finally:
            end.cancel()

    return held
