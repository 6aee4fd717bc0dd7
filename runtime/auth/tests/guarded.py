"""An echo whose policy names a scope, and who called it."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, override

import grpc
from google.protobuf.wrappers_pb2 import StringValue
from google.rpc import error_details_pb2
from grpc import aio
from grpc_status import rpc_status

from bodega.auth.v1 import policy_pb2
from runtime.auth.caller import Caller, caller
from runtime.call import Context
from runtime.testing.echo import Echo, EchoStub, echo_service

SCOPED = policy_pb2.Policy(scopes=["echo.write"])


class GuardedEcho(Echo):
    """Remembers its callers."""

    def __init__(self, policy: policy_pb2.Policy = SCOPED) -> None:
        super().__init__(echo_service(policy))
        self.callers: list[Caller] = []

    @override
    async def say(self, request: StringValue, _context: Context) -> StringValue:
        self.callers.append(caller())
        return request

    @override
    async def count(self, request: StringValue, _context: Context) -> AsyncGenerator[StringValue]:
        self.callers.append(caller())
        for character in request.value:
            yield StringValue(value=character)

    @override
    async def collect(self, requests: AsyncIterator[StringValue], _context: Context) -> StringValue:
        self.callers.append(caller())
        return StringValue(value="".join([request.value async for request in requests]))

    @override
    async def chat(
        self, requests: AsyncIterator[StringValue], _context: Context
    ) -> AsyncGenerator[StringValue]:
        self.callers.append(caller())
        async for request in requests:
            yield request


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


async def refused(stub: EchoStub, *texts: str, kind: str = "Say", **how: Any) -> aio.AioRpcError:
    """Call, and return the error that it must end with."""
    try:
        await stub.call(kind, *(texts or ("a",)), **how)
    except aio.AioRpcError as error:
        return error
    raise AssertionError("the call was let through")


def details_of[M: Any](error: aio.AioRpcError, detail: M) -> M:
    """Fill in the detail of that type."""
    status = rpc_status.from_call(error)  # type: ignore[no-untyped-call]
    assert any(each.Unpack(detail) for each in status.details)
    return detail


def reason_of(error: aio.AioRpcError) -> tuple[grpc.StatusCode, str]:
    """Return the code and the reason in the ErrorInfo."""
    return error.code(), details_of(error, error_details_pb2.ErrorInfo()).reason


def challenge_of(error: aio.AioRpcError) -> object:
    """Return the www-authenticate trailer."""
    return dict(error.trailing_metadata()).get("www-authenticate")
