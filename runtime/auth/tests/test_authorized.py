"""Outgoing calls with tokens, to a real server that wants them, on both engines."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from grpc import aio

from runtime.auth.bearer import BearerGuard
from runtime.auth.issuer import Issuer
from runtime.auth.tests.guarded import GuardedEcho
from runtime.auth.token_source import Client, TokenSource
from runtime.chain import default_chain
from runtime.client import connect
from runtime.settings import ServerSettings
from runtime.testing.echo import KINDS, EchoStub
from runtime.testing.issuer import AUDIENCE, TOKENS, LoopbackIssuer
from runtime.testing.rpc import ServeEcho
from runtime.testing.waiting import PATIENCE
from runtime.transport import PlaintextError, check_target, check_url

SEND_ONE = ["Say", "Count"]
SEND_STREAM = ["Collect", "Chat"]


class Clock:
    """A clock for tokens, to make one old enough to be dropped."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def tokens(
    issuer: LoopbackIssuer, tmp_path: Path, clock: Clock
) -> AsyncIterator[TokenSource]:
    file = issuer.write_secret(tmp_path, "worker")
    client = Client("worker", file, AUDIENCE, frozenset({"echo.write"}))
    made = TokenSource(Issuer(issuer.url), client, monotonic=clock)
    yield made
    await made.close()


@pytest.fixture
async def stub(
    serve_echo: ServeEcho, server_settings: ServerSettings, guard: BearerGuard, tokens: TokenSource
) -> AsyncIterator[EchoStub]:
    echo = GuardedEcho()
    plain = await serve_echo(echo, middleware=default_chain(server_settings, guard=guard))
    target = plain.target
    async with connect(target, echo.service, timeout=PATIENCE, tokens=tokens) as channel:
        yield EchoStub(channel, echo.service)


async def code_of(stub: EchoStub, kind: str, **how: float) -> grpc.StatusCode:
    with pytest.raises(aio.AioRpcError) as caught:
        await stub.call(kind, "a", **how)
    return caught.value.code()


@pytest.mark.parametrize("kind", KINDS)
async def test_every_call_carries_a_token(
    stub: EchoStub, issuer: LoopbackIssuer, kind: str
) -> None:
    for _ in range(3):
        assert await stub.call(kind, "a", metadata=(("x-own", "b"),)) == ["a"]
    assert issuer.requests[TOKENS] == 1


async def test_a_hundred_first_calls_fetch_one_token(
    stub: EchoStub, issuer: LoopbackIssuer
) -> None:
    await asyncio.gather(*(stub.call("Say", str(number)) for number in range(100)))
    assert issuer.requests[TOKENS] == 1


async def use_wrong_token(issuer: LoopbackIssuer, tokens: TokenSource, clock: Clock) -> None:
    """Have a token ready that is for somebody else, and old enough to be dropped."""
    issuer.grant_overrides = {"access_token": issuer.token("urn:other", "echo.write")}
    await tokens.token()
    issuer.grant_overrides = {}
    clock.now += 10


@pytest.mark.parametrize("kind", SEND_ONE)
async def test_a_refused_token_is_fetched_anew_and_the_call_repeated(
    stub: EchoStub, issuer: LoopbackIssuer, tokens: TokenSource, clock: Clock, kind: str
) -> None:
    await use_wrong_token(issuer, tokens, clock)
    assert await stub.call(kind, "a") == ["a"]
    assert issuer.requests[TOKENS] == 2


async def test_a_stream_that_is_read_by_hand_is_repeated_as_well(
    stub: EchoStub, issuer: LoopbackIssuer, tokens: TokenSource, clock: Clock
) -> None:
    await use_wrong_token(issuer, tokens, clock)
    assert await stub.begin("Count", "a").read() == "a"


@pytest.mark.parametrize("kind", SEND_STREAM)
async def test_a_request_stream_is_its_callers_to_repeat(
    stub: EchoStub, issuer: LoopbackIssuer, tokens: TokenSource, clock: Clock, kind: str
) -> None:
    await use_wrong_token(issuer, tokens, clock)
    assert await code_of(stub, kind) is grpc.StatusCode.UNAUTHENTICATED
    assert await stub.call(kind, "a") == ["a"]


@pytest.mark.parametrize("kind", KINDS)
async def test_tokens_that_are_refused_for_good_are_not_fetched_without_end(
    stub: EchoStub, issuer: LoopbackIssuer, kind: str
) -> None:
    issuer.grant_overrides = {"access_token": issuer.token("urn:other", "echo.write")}
    for _ in range(10):
        assert await code_of(stub, kind) is grpc.StatusCode.UNAUTHENTICATED
    assert issuer.requests[TOKENS] == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_without_the_issuer_calls_are_unavailable(
    stub: EchoStub, issuer: LoopbackIssuer, kind: str
) -> None:
    issuer.stop()
    assert await code_of(stub, kind) is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("kind", KINDS)
async def test_the_deadline_holds_while_the_token_is_fetched(
    stub: EchoStub, issuer: LoopbackIssuer, kind: str
) -> None:
    issuer.open.clear()
    assert await code_of(stub, kind, timeout=0.1) is grpc.StatusCode.DEADLINE_EXCEEDED
    issuer.open.set()
    assert await stub.call(kind, "a") == ["a"]


async def test_a_call_that_waits_for_its_token_can_be_given_up(
    stub: EchoStub, issuer: LoopbackIssuer
) -> None:
    issuer.open.clear()
    call = stub.begin("Say", "a")
    assert not call.done()
    assert call.cancel()
    assert call.cancelled()
    issuer.open.set()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not call.cancel()


async def test_the_call_object_is_like_that_of_grpc(stub: EchoStub) -> None:
    call = stub.begin("Chat")
    await call.wait_for_connection()
    assert (await call.initial_metadata()) is not None
    assert await call.read() is aio.EOF
    assert await call.code() is grpc.StatusCode.OK
    assert not await call.details()
    assert (await call.trailing_metadata()) is not None
    assert call.done()
    assert not call.cancelled()


@pytest.mark.parametrize(
    "target", ["bodega.example:50051", "10.0.0.1:1", "[2001:db8::1]:1", "0.0.0.0:1", "dns:///x:1"]
)
async def test_a_token_does_not_leave_this_machine_without_tls(
    tokens: TokenSource, target: str
) -> None:
    with pytest.raises(PlaintextError, match="no TLS"):
        connect(target, tokens=tokens)
    check_target(target, tls=True, trust_network=False)
    check_target(target, tls=False, trust_network=True)


@pytest.mark.parametrize("target", ["127.0.0.1:1", "127.8.8.8:1", "[::1]:1", "localhost:1"])
def test_this_machine_needs_no_tls(target: str) -> None:
    check_target(target, tls=False, trust_network=False)


@pytest.mark.parametrize(
    "url", ["http://bodega.example", "http://127.0.0.1.example", "http://localhost.example:80/"]
)
def test_secrets_go_to_no_other_machine_without_tls(url: str) -> None:
    with pytest.raises(PlaintextError):
        check_url(url, trust_network=False)
    check_url(url.replace("http:", "https:"), trust_network=False)
    check_url(url, trust_network=True)


@pytest.mark.parametrize("url", ["", "x", "file:///etc/passwd", "https://", "http://a:b@127.0.0.1"])
def test_what_is_no_url_of_http_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"no http|must not hold"):
        check_url(url, trust_network=True)
