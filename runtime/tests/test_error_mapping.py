"""What reaches a client when a handler raises, on both engines and for all kinds of RPC."""

from collections.abc import AsyncGenerator, AsyncIterator
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from google.rpc import error_details_pb2, status_pb2
from grpc import aio
from grpc_status import rpc_status
from structlog.testing import capture_logs

from runtime import errors
from runtime.call import Context
from runtime.reason import Reason
from runtime.testing.echo import KINDS, Echo, EchoStub, echo_service
from runtime.testing.rpc import ServeEcho

every_kind = pytest.mark.parametrize("kind", KINDS)


class Raising(Echo):
    """Raises the same error in all four kinds; streams get a message out first."""

    def __init__(self, error: Exception) -> None:
        super().__init__(echo_service())
        self._error = error

    async def say(self, _request: StringValue, _context: Context) -> StringValue:
        raise self._error

    async def count(self, request: StringValue, _context: Context) -> AsyncGenerator[StringValue]:
        yield request
        raise self._error

    async def collect(self, requests: AsyncIterator[StringValue], _context: Context) -> StringValue:
        await anext(requests)
        raise self._error

    async def chat(
        self, requests: AsyncIterator[StringValue], _context: Context
    ) -> AsyncGenerator[StringValue]:
        yield await anext(requests)
        raise self._error


async def failure(stub: EchoStub, kind: str, *texts: str | bytes) -> aio.AioRpcError:
    with pytest.raises(aio.AioRpcError) as caught:
        await stub.call(kind, *(texts or ("text",)))
    return caught.value


def details(error: aio.AioRpcError) -> dict[str, Any]:
    """Unpack the details by the name of their type."""
    status = rpc_status.from_call(error)  # type: ignore[no-untyped-call]
    assert isinstance(status, status_pb2.Status)
    found = {}
    for packed in status.details:
        name = packed.TypeName().rpartition(".")[2]
        found[name] = getattr(error_details_pb2, name)()
        packed.Unpack(found[name])
    return found


@every_kind
async def test_a_domain_error_arrives_with_its_code_reason_and_metadata(
    serve_echo: ServeEcho, kind: str
) -> None:
    error = errors.NotFound("no product 7", reason=Reason.PRODUCT_NOT_FOUND, metadata={"id": "7"})
    caught = await failure(await serve_echo(Raising(error)), kind)
    assert caught.code() is grpc.StatusCode.NOT_FOUND
    assert caught.details() == "no product 7"
    info = details(caught)["ErrorInfo"]
    assert (info.reason, info.domain, dict(info.metadata)) == (
        "PRODUCT_NOT_FOUND",
        "bodega",
        {"id": "7"},
    )


async def test_every_violation_is_named(serve_echo: ServeEcho) -> None:
    error = errors.InvalidArgument(
        [errors.FieldViolation("price.units", "must be 0 or more"), errors.FieldViolation("", "x")]
    )
    caught = await failure(await serve_echo(Raising(error)), "Say")
    assert caught.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.details() == "price.units: must be 0 or more; x"
    violations = details(caught)["BadRequest"].field_violations
    assert [(each.field, each.description) for each in violations] == [
        ("price.units", "must be 0 or more"),
        ("", "x"),
    ]


async def test_more_violations_than_trailers_hold_are_cut(serve_echo: ServeEcho) -> None:
    many = [errors.FieldViolation(f"ids[{i}]", "é" * 50) for i in range(1000)]
    metadata = {"query": "é" * 10_000}
    error = errors.InvalidArgument(many, metadata=metadata)
    caught = await failure(await serve_echo(Raising(error)), "Count")
    assert caught.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert 20 < len(details(caught)["BadRequest"].field_violations) < 1000


@pytest.mark.parametrize("cls", [errors.Unavailable, errors.ResourceExhausted])
async def test_a_retry_is_invited_where_it_may_help(
    serve_echo: ServeEcho, cls: type[errors.Unavailable]
) -> None:
    error = cls("busy", reason=Reason.TOO_MANY_RPCS, retry_after=timedelta(milliseconds=1500))
    caught = await failure(await serve_echo(Raising(error)), "Say")
    assert details(caught)["RetryInfo"].retry_delay.ToTimedelta() == timedelta(milliseconds=1500)


@every_kind
async def test_an_unforeseen_error_is_told_to_the_log_alone(
    serve_echo: ServeEcho, kind: str
) -> None:
    stub = await serve_echo(Raising(ValueError("password=hunter2")))
    with capture_logs() as events:
        caught = await failure(stub, kind)
    assert caught.code() is grpc.StatusCode.INTERNAL
    assert caught.details() == "internal error"
    assert "hunter2" not in str(caught.trailing_metadata())
    assert [str(event["exc_info"]) for event in events] == ["password=hunter2"]


@pytest.mark.parametrize(
    ("upstream", "ours"),
    [
        (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAVAILABLE),
        (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE),
        (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INTERNAL),
    ],
)
async def test_the_text_of_an_upstream_failure_stays_here(
    serve_echo: ServeEcho, upstream: grpc.StatusCode, ours: grpc.StatusCode
) -> None:
    error = aio.AioRpcError(upstream, aio.Metadata(), aio.Metadata(), details="10.0.0.7: secret")
    with capture_logs():
        caught = await failure(await serve_echo(Raising(error)), "Say")
    assert caught.code() is ours
    assert "secret" not in str(caught)


@every_kind
async def test_a_malformed_message_is_the_callers_fault(serve_echo: ServeEcho, kind: str) -> None:
    invalid_utf8 = b"\x0a\x02\xff\xfe"
    with capture_logs() as events:
        caught = await failure(await serve_echo(Echo(echo_service())), kind, invalid_utf8)
    assert caught.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert details(caught)["ErrorInfo"].reason == "MALFORMED"
    assert events == []


@every_kind
async def test_a_message_above_4_mib_is_refused(serve_echo: ServeEcho, kind: str) -> None:
    channel_limit = 4 * 1024 * 1024
    servicer = Raising(AssertionError("the handler must not see it"))
    stub = await serve_echo(servicer, client_options=[("grpc.max_send_message_length", -1)])
    caught = await failure(stub, kind, "x" * (channel_limit + 1))
    assert caught.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "Received message larger than max" in (caught.details() or "")


@pytest.mark.parametrize("kind", ["Say", "Count"])
async def test_a_response_above_4_mib_is_refused(serve_echo: ServeEcho, kind: str) -> None:
    class Large(Echo):
        async def say(self, _request: StringValue, _context: Context) -> StringValue:
            return StringValue(value="x" * (4 * 1024 * 1024 + 1))

        async def count(
            self, _request: StringValue, _context: Context
        ) -> AsyncGenerator[StringValue]:
            yield await self.say(_request, _context)

    caught = await failure(await serve_echo(Large(echo_service())), kind)
    assert caught.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
