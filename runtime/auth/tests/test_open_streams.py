"""Streams without an end, on both engines: they end with their token, and its client comes back."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, override

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from grpc import aio
from structlog.testing import capture_logs

from runtime.auth.bearer import BearerGuard
from runtime.auth.caller import Caller
from runtime.auth.issuer import Issuer
from runtime.auth.jwk import Key
from runtime.auth.jwks import Jwks, JwksLimits
from runtime.auth.open_streams import OpenStreams
from runtime.auth.tests.guarded import GuardedEcho, bearer, challenge_of, reason_of, refused
from runtime.auth.token_source import Client, TokenSource
from runtime.auth.verifier import Verified
from runtime.backoff import Backoff
from runtime.call import Context
from runtime.chain import default_chain
from runtime.client import connect
from runtime.endless import endless
from runtime.settings import ServerSettings
from runtime.testing.echo import EchoStub
from runtime.testing.issuer import AUDIENCE, KEYS, TOKENS, LoopbackIssuer
from runtime.testing.rpc import ServeEcho
from runtime.testing.waiting import PATIENCE_SECONDS, eventually

UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
EXPIRED = (UNAUTHENTICATED, "TOKEN_EXPIRED")
KEY_WITHDRAWN = (UNAUTHENTICATED, "TOKEN_KEY_WITHDRAWN")
# Keys that are stale soon, and may be used for long.
SHORT = JwksLimits(min_fresh=0.02, max_fresh=0.02, max_stale=1000.0)

type ServeChanges = Callable[[BearerGuard], Any]


class Changes(GuardedEcho):
    """Its stream of counts sends changes from a position on; its chat has no end either."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[str] = []
        self._more = asyncio.Event()

    def add(self, change: str) -> None:
        self.changes.append(change)
        self._more.set()
        self._more = asyncio.Event()

    @override
    @endless
    async def count(self, request: StringValue, _context: Context) -> AsyncGenerator[StringValue]:
        position = int(request.value)
        while True:
            while position < len(self.changes):
                yield StringValue(value=self.changes[position])
                position += 1
            await self._more.wait()

    @override
    @endless
    async def chat(
        self, requests: AsyncIterator[StringValue], _context: Context
    ) -> AsyncGenerator[StringValue]:
        async for request in requests:
            yield request


class Busy(GuardedEcho):
    """Its stream of counts always has a response ready."""

    @override
    @endless
    async def count(self, request: StringValue, _context: Context) -> AsyncGenerator[StringValue]:
        while True:
            yield request


class Clock:
    """A clock that goes on by itself, and can be put forward; it knows how often it was read."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.ahead = 0.0
        self.reads = 0

    def __call__(self) -> float:
        self.reads += 1
        return self._clock() + self.ahead


@pytest.fixture
def echo() -> Changes:
    return Changes()


@pytest.fixture
async def serve_changes(
    serve_echo: ServeEcho, server_settings: ServerSettings, echo: Changes
) -> AsyncIterator[ServeChanges]:
    guards: list[BearerGuard] = []

    async def serve(guard: BearerGuard) -> EchoStub:
        guards.append(guard)
        return await serve_echo(echo, middleware=default_chain(server_settings, guard=guard))

    yield serve
    for guard in guards:
        await guard.close()


async def end_of(stream: Any) -> aio.AioRpcError:
    """Read on, and return the error that the stream must end with."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        try:
            while await stream.read() is not aio.EOF:
                pass
        except aio.AioRpcError as error:
            return error
    raise AssertionError("the stream ended without an error")


@pytest.mark.parametrize("kind", ["Count", "Chat"])
async def test_a_stream_ends_when_its_token_expires_leeway_included(
    serve_changes: ServeChanges, issuer: LoopbackIssuer, echo: Changes, kind: str
) -> None:
    stopped = time.time()
    now = Clock(lambda: stopped)
    stub = await serve_changes(BearerGuard(Issuer(issuer.url), AUDIENCE, now=now))
    claims = issuer.claims(AUDIENCE, "echo.write")
    end = float(str(claims["exp"])) + 30
    # So near to its end that the timer is due at once, and finds that it is too soon.
    now.ahead = end - stopped - 0.01
    echo.add("0")
    # A chat is written to.
    request = "0" if kind == "Count" else None
    stream = stub.begin_with(kind, request, metadata=bearer(issuer.signing.sign(claims)))
    await say(stream, kind)
    assert await stream.read() == "0"
    reads = now.reads
    await eventually(lambda: now.reads > reads + 2)
    echo.add("1")
    await say(stream, kind, "1")
    assert await stream.read() == "1"
    now.ahead = end - stopped
    error = await end_of(stream)
    assert reason_of(error) == EXPIRED
    assert "new one" in (error.details() or "")
    assert str(challenge_of(error)).startswith('Bearer realm="bodega", error="invalid_token"')


async def say(stream: Any, kind: str, text: str = "0") -> None:
    if kind == "Chat":
        await stream.write(text)


async def test_a_token_that_is_still_good_ends_no_stream(
    serve_changes: ServeChanges, issuer: LoopbackIssuer, echo: Changes
) -> None:
    stopped = time.time()
    now = Clock(lambda: stopped)
    stub = await serve_changes(BearerGuard(Issuer(issuer.url), AUDIENCE, now=now))
    short = issuer.claims(AUDIENCE, "echo.write")
    long = issuer.token(AUDIENCE, "echo.write", exp=int(stopped) + 900)
    now.ahead = float(str(short["exp"])) + 30 - stopped - 0.01
    ending = stub.begin("Count", "0", metadata=bearer(issuer.signing.sign(short)))
    lasting = stub.begin("Count", "0", metadata=bearer(long))
    echo.add("0")
    assert [await ending.read(), await lasting.read()] == ["0", "0"]
    now.ahead += 0.01
    assert reason_of(await end_of(ending)) == EXPIRED
    echo.add("1")
    assert await lasting.read() == "1"
    lasting.cancel()


async def test_a_withdrawn_key_ends_its_streams_though_no_call_has_the_keys_fetched(
    serve_changes: ServeChanges, issuer: LoopbackIssuer, echo: Changes
) -> None:
    issuer.max_age = 0
    stub = await serve_changes(BearerGuard(Issuer(issuer.url), AUDIENCE, limits=SHORT))
    old = bearer(issuer.token(AUDIENCE, "echo.write"))
    watches = [stub.begin("Count", "0", metadata=old) for _ in range(3)]
    echo.add("0")
    assert [await each.read() for each in watches] == ["0"] * 3
    issuer.rotate()
    new = bearer(issuer.token(AUDIENCE, "echo.write"))
    lasting = stub.begin("Count", "0", metadata=new)
    assert await lasting.read() == "0"
    issuer.published = [issuer.signing]
    for each in watches:
        assert reason_of(await end_of(each)) == KEY_WITHDRAWN
    assert reason_of(await refused(stub, metadata=old)) == (UNAUTHENTICATED, "TOKEN_INVALID")
    echo.add("1")
    assert await lasting.read() == "1"
    lasting.cancel()


async def test_a_stream_that_always_has_a_response_ready_ends_as_well(
    serve_echo: ServeEcho, server_settings: ServerSettings, issuer: LoopbackIssuer
) -> None:
    issuer.max_age = 0
    async with BearerGuard(Issuer(issuer.url), AUDIENCE, limits=SHORT) as guard:
        stub = await serve_echo(Busy(), middleware=default_chain(server_settings, guard=guard))
        stream = stub.begin("Count", "a", metadata=bearer(issuer.token(AUDIENCE, "echo.write")))
        assert await stream.read() == "a"
        issuer.rotate(keep=False)
        assert reason_of(await end_of(stream)) == KEY_WITHDRAWN


async def test_while_the_issuer_is_away_streams_go_on_as_long_as_keys_may_be_used(
    serve_changes: ServeChanges, issuer: LoopbackIssuer, echo: Changes
) -> None:
    monotonic = Clock(time.monotonic)
    issuer.max_age = 0
    guard = BearerGuard(Issuer(issuer.url), AUDIENCE, limits=SHORT, monotonic=monotonic)
    stub = await serve_changes(guard)
    stream = stub.begin("Count", "0", metadata=bearer(issuer.token(AUDIENCE, "echo.write")))
    echo.add("0")
    assert await stream.read() == "0"
    with capture_logs() as logs:
        issuer.stop()
        await eventually(lambda: any(each["event"].startswith("issuer is away") for each in logs))
    echo.add("1")
    assert await stream.read() == "1"
    monotonic.ahead = 1000.0
    assert reason_of(await end_of(stream)) == (
        grpc.StatusCode.UNAVAILABLE,
        "ISSUER_UNAVAILABLE",
    )


async def test_with_the_last_stream_nothing_is_left_to_wait_for(issuer: LoopbackIssuer) -> None:
    keys = Jwks(Issuer(issuer.url))
    streams, before = OpenStreams(keys, time.time), asyncio.all_tasks()
    token = Verified(Caller("a", "b", frozenset()), Key("k", "ES256", ("k",), None), 1e10)
    ends = [streams.add(token) for _ in range(3)]
    # One that waits until keys are stale, however many streams there are.
    assert len(asyncio.all_tasks() - before) == 1
    await eventually(lambda: issuer.requests[KEYS] == 1)
    for each in ends:
        each.cancel()
    await eventually(lambda: asyncio.all_tasks() == before)
    again = streams.add(token)
    assert len(asyncio.all_tasks() - before) == 1
    again.cancel()
    await streams.close()
    await keys.close()
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("reads_by_hand", [False, True])
async def test_a_client_drops_the_token_that_ended_its_stream_and_repeats_nothing_by_itself(
    serve_changes: ServeChanges,
    issuer: LoopbackIssuer,
    echo: Changes,
    tmp_path: Path,
    reads_by_hand: bool,
) -> None:
    issuer.max_age = 0
    plain = await serve_changes(BearerGuard(Issuer(issuer.url), AUDIENCE, limits=SHORT))
    monotonic = Clock(time.monotonic)
    echo.add("0")
    async with (
        source(issuer, tmp_path, monotonic) as tokens,
        connect(plain.target, echo.service, tokens=tokens) as channel,
    ):
        stub = EchoStub(channel, echo.service)
        stream = stub.begin("Count", "0")
        responses = by_hand(stream) if reads_by_hand else aiter(stream)
        assert await anext(responses) == "0"
        # Old enough to be dropped.
        monotonic.ahead = 10.0
        issuer.rotate(keep=False)
        with pytest.raises(aio.AioRpcError) as ended:
            await anext(responses)
        assert reason_of(ended.value) == KEY_WITHDRAWN
        again = stub.begin("Count", "0")
        assert await again.read() == "0"
        again.cancel()
    assert issuer.requests[TOKENS] == 2


def source(
    issuer: LoopbackIssuer, folder: Path, monotonic: Callable[[], float] = time.monotonic
) -> TokenSource:
    secret = issuer.write_secret(folder, "worker")
    client = Client("worker", secret, AUDIENCE, frozenset({"echo.write"}))
    return TokenSource(Issuer(issuer.url), client, monotonic=monotonic)


async def test_a_watch_of_three_token_lifetimes_sees_each_change_once(
    serve_changes: ServeChanges,
    issuer: LoopbackIssuer,
    echo: Changes,
    tmp_path: Path,
) -> None:
    issuer.lifetime = 1
    guard = BearerGuard(Issuer(issuer.url), AUDIENCE, leeway=timedelta(seconds=0.5))
    plain = await serve_changes(guard)
    seen: list[str] = []
    endings: list[tuple[grpc.StatusCode, str]] = []
    backoff = Backoff()
    async with (
        source(issuer, tmp_path) as tokens,
        connect(plain.target, echo.service, tokens=tokens) as channel,
        asyncio.timeout(PATIENCE_SECONDS),
    ):
        stub = EchoStub(channel, echo.service)
        while len(endings) < 3:
            echo.add(f"between {len(echo.changes)}")
            stream, had = stub.begin("Count", str(len(seen))), len(seen)
            try:
                async for change in stream:
                    seen.append(change)
                    if len(seen) < had + 3:
                        echo.add(f"during {len(echo.changes)}")
            except aio.AioRpcError as error:
                if len(seen) > had:
                    endings.append(reason_of(error))
                    backoff.reset()
                else:
                    await asyncio.sleep(backoff.next().total_seconds())
    assert seen == echo.changes[: len(seen)]
    assert len(seen) > 3
    assert endings == [EXPIRED] * 3
    assert issuer.requests[TOKENS] >= 3


async def by_hand(stream: Any) -> AsyncIterator[str]:
    while (response := await stream.read()) is not aio.EOF:
        yield response
