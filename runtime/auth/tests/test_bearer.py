"""The guard in a real server, on both engines: who is let through, and what others are told."""

import time
from datetime import timedelta

import grpc
import pytest
from google.rpc import error_details_pb2

from bodega.auth.v1 import policy_pb2
from runtime.auth.bearer import BearerGuard
from runtime.auth.caller import Caller, caller
from runtime.auth.issuer import Issuer
from runtime.auth.tests.guarded import (
    GuardedEcho,
    bearer,
    challenge_of,
    details_of,
    reason_of,
    refused,
)
from runtime.chain import default_chain
from runtime.settings import ServerSettings
from runtime.testing.echo import KINDS, Echo, EchoStub, echo_service
from runtime.testing.issuer import AUDIENCE, KEYS, LoopbackIssuer
from runtime.testing.rpc import ServeEcho

UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
LEEWAY = timedelta(seconds=30)


@pytest.fixture
def echo() -> GuardedEcho:
    return GuardedEcho()


@pytest.fixture
async def stub(
    serve_echo: ServeEcho, server_settings: ServerSettings, echo: GuardedEcho, guard: BearerGuard
) -> EchoStub:
    return await serve_echo(echo, middleware=default_chain(server_settings, guard=guard))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_token_with_the_scope_opens_the_call_and_names_the_caller(
    stub: EchoStub, echo: GuardedEcho, issuer: LoopbackIssuer, kind: str
) -> None:
    token = issuer.token(AUDIENCE, "echo.write", "openid", subject="anna")
    for _ in range(2):
        assert await stub.call(kind, "a", metadata=bearer(token)) == ["a"]
    known = Caller("anna", "tester", frozenset({"echo.write", "openid"}))
    assert echo.callers == [known, known]
    assert not known.is_service


async def test_a_client_that_acts_for_itself_is_a_service(
    stub: EchoStub, echo: GuardedEcho, issuer: LoopbackIssuer
) -> None:
    token = issuer.token(AUDIENCE, "echo.write", subject="worker", client_id="worker")
    await stub.call("Say", "a", metadata=bearer(token))
    assert echo.callers[0].is_service


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_without_a_token_is_challenged(stub: EchoStub, kind: str) -> None:
    error = await refused(stub, kind=kind)
    assert reason_of(error) == (UNAUTHENTICATED, "TOKEN_MISSING")
    assert challenge_of(error) == 'Bearer realm="bodega"'


@pytest.mark.parametrize("kind", KINDS)
async def test_a_token_without_the_scope_is_told_which_one(
    stub: EchoStub, issuer: LoopbackIssuer, kind: str
) -> None:
    error = await refused(stub, kind=kind, metadata=bearer(issuer.token(AUDIENCE, "echo.read")))
    assert reason_of(error) == (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")
    info = details_of(error, error_details_pb2.ErrorInfo())
    assert info.metadata["scopes"] == "echo.write"
    assert challenge_of(error) == (
        'Bearer realm="bodega", error="insufficient_scope", scope="echo.write"'
    )


async def test_all_scopes_of_the_policy_are_wanted(
    serve_echo: ServeEcho,
    server_settings: ServerSettings,
    guard: BearerGuard,
    issuer: LoopbackIssuer,
) -> None:
    echo = GuardedEcho(policy_pb2.Policy(scopes=["a", "b", "c"]))
    stub = await serve_echo(echo, middleware=default_chain(server_settings, guard=guard))
    error = await refused(stub, metadata=bearer(issuer.token(AUDIENCE, "b")))
    info = details_of(error, error_details_pb2.ErrorInfo())
    assert dict(info.metadata) == {"scopes": "a b c", "missing": "a c"}
    assert await stub.call("Say", "x", metadata=bearer(issuer.token(AUDIENCE, "c", "a", "b")))


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic YTpi", "DPoP abc", "Bearer a b", "Bearer a.b.c"]
)
async def test_what_is_no_bearer_token_is_refused(stub: EchoStub, header: str) -> None:
    error = await refused(stub, metadata=(("authorization", header),))
    assert reason_of(error) == (UNAUTHENTICATED, "TOKEN_INVALID")


async def test_the_scheme_is_read_in_any_case(stub: EchoStub, issuer: LoopbackIssuer) -> None:
    header = f"bEARER {issuer.token(AUDIENCE, 'echo.write')}"
    assert await stub.call("Say", "a", metadata=(("authorization", header),)) == ["a"]


async def test_two_authorization_headers_are_refused_even_if_both_are_good(
    stub: EchoStub, issuer: LoopbackIssuer
) -> None:
    metadata = bearer(issuer.token(AUDIENCE, "echo.write"))
    assert await stub.call("Say", "a", metadata=metadata) == ["a"]
    error = await refused(stub, metadata=metadata * 2)
    assert reason_of(error) == (UNAUTHENTICATED, "TOKEN_INVALID")


async def test_a_token_bound_to_a_key_is_no_bearer_token(
    stub: EchoStub, issuer: LoopbackIssuer
) -> None:
    token = issuer.token(AUDIENCE, "echo.write", cnf={"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2Hgl"})
    for _ in range(2):
        error = await refused(stub, metadata=bearer(token))
        assert reason_of(error) == (UNAUTHENTICATED, "TOKEN_BOUND")


async def test_a_refusal_says_why_and_nothing_of_the_token(
    stub: EchoStub, issuer: LoopbackIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    token = issuer.token("urn:other", "echo.write")
    error = await refused(stub, metadata=bearer(token))
    assert error.details() == "the token was refused: it is for another audience"
    assert challenge_of(error) == (
        'Bearer realm="bodega", error="invalid_token", '
        'error_description="the token was refused: it is for another audience"'
    )
    assert caplog.records
    for part in token.split("."):
        assert part not in repr(error)
        assert part not in caplog.text


async def test_a_token_that_was_seen_is_refused_once_it_has_expired(
    serve_echo: ServeEcho, server_settings: ServerSettings, issuer: LoopbackIssuer
) -> None:
    now = time.time()
    echo = GuardedEcho()
    guard = BearerGuard(Issuer(issuer.url), AUDIENCE, leeway=LEEWAY, now=lambda: now)
    stub = await serve_echo(echo, middleware=default_chain(server_settings, guard=guard))
    metadata = bearer(issuer.token(AUDIENCE, "echo.write"))
    for _ in range(2):
        await stub.call("Say", "a", metadata=metadata)
    now += issuer.lifetime + LEEWAY.total_seconds() + 1
    error = await refused(stub, metadata=metadata)
    await guard.close()
    assert reason_of(error) == (UNAUTHENTICATED, "TOKEN_EXPIRED")
    assert len(echo.callers) == 2


async def test_without_keys_a_token_can_wait_and_garbage_cannot(
    stub: EchoStub, issuer: LoopbackIssuer
) -> None:
    token = issuer.token(AUDIENCE, "echo.write")
    issuer.stop()
    error = await refused(stub, metadata=bearer(token))
    assert reason_of(error) == (grpc.StatusCode.UNAVAILABLE, "ISSUER_UNAVAILABLE")
    assert details_of(error, error_details_pb2.RetryInfo()).retry_delay.seconds >= 1
    assert reason_of(await refused(stub, metadata=bearer("x")))[1] == "TOKEN_INVALID"
    assert reason_of(await refused(stub))[1] == "TOKEN_MISSING"


async def test_a_public_rpc_has_no_caller_whatever_token_comes_with_it(
    serve_echo: ServeEcho,
    server_settings: ServerSettings,
    guard: BearerGuard,
    issuer: LoopbackIssuer,
) -> None:
    chain = default_chain(server_settings, guard=guard)
    stub = await serve_echo(Echo(echo_service()), middleware=chain)
    assert await stub.call("Say", "a", metadata=bearer("x")) == ["a"]
    open_echo = GuardedEcho(policy_pb2.Policy(public=True))
    asking = await serve_echo(open_echo, middleware=chain)
    error = await refused(asking, metadata=bearer(issuer.token(AUDIENCE, "echo.write")))
    assert error.code() is grpc.StatusCode.INTERNAL
    assert not issuer.requests
    with pytest.raises(LookupError, match="no caller"):
        caller()


async def test_a_token_is_verified_once(stub: EchoStub, issuer: LoopbackIssuer) -> None:
    metadata = bearer(issuer.token(AUDIENCE, "echo.write"))
    for _ in range(5):
        await stub.call("Say", "a", metadata=metadata)
    assert issuer.requests[KEYS] == 1
