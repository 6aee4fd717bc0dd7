"""The auth slot of the chain: the policy that stands beside each RPC in the proto.

Deny by default: an RPC without a policy, or one that wants scopes where nothing verifies
them, cannot be registered, so that its server does not start.
"""

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from bodega.auth.v1 import policy_pb2
from runtime.call import Context
from runtime.method import Method
from runtime.middleware import StreamHandler, UnaryHandler

# Lets the call go on, or raises Unauthenticated or PermissionDenied.
type Verify = Callable[[Context, frozenset[str]], Awaitable[None]]


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
    """Calls `verify` with the scopes that the policy names; public RPCs cost nothing."""

    def __init__(self, verify: Verify | None = None) -> None:
        self._verify = verify

    def unary(self, method: Method, handler: UnaryHandler) -> UnaryHandler:
        """Guard a handler that answers once."""
        guard = self._guard(method)
        if guard is None:
            return handler
        verify, scopes = guard

        async def guarded(request: Any, context: Context) -> Any:
            await verify(context, scopes)
            return await handler(request, context)

        return guarded

    def stream(self, method: Method, handler: StreamHandler) -> StreamHandler:
        """Guard a handler that answers with a stream."""
        guard = self._guard(method)
        if guard is None:
            return handler
        verify, scopes = guard

        async def guarded(request: Any, context: Context) -> Any:
            await verify(context, scopes)
            async with aclosing(handler(request, context)) as responses:
                async for response in responses:
                    yield response

        return guarded

    def _guard(self, method: Method) -> tuple[Verify, frozenset[str]] | None:
        if method.is_standard:
            return None
        policy = policy_of(method)
        if policy.public:
            return None
        if self._verify is None:
            message = f"{method.path} wants scopes, and this server has nothing to verify them with"
            raise PolicyError(message)
        return self._verify, policy.scopes
