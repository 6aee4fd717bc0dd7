"""Keys that change while calls are served: no call with a good token fails."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from runtime.auth.bearer import BearerGuard
from runtime.auth.issuer import Issuer
from runtime.auth.jwks import JwksLimits
from runtime.auth.tests.guarded import GuardedEcho, bearer, reason_of, refused
from runtime.auth.token_source import Client, TokenSource
from runtime.chain import default_chain
from runtime.client import connect
from runtime.settings import ServerSettings
from runtime.testing.echo import EchoStub
from runtime.testing.issuer import AUDIENCE, KEYS, LoopbackIssuer
from runtime.testing.rpc import ServeEcho
from runtime.testing.waiting import PATIENCE, eventually

SCOPES = frozenset({"echo.write"})


class Clock:
    """The age of keys is told by this clock, which a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def stub(
    serve_echo: ServeEcho, server_settings: ServerSettings, issuer: LoopbackIssuer, clock: Clock
) -> AsyncIterator[EchoStub]:
    guard = BearerGuard(
        Issuer(issuer.url), AUDIENCE, limits=JwksLimits(max_fresh=60), monotonic=clock
    )
    chain = default_chain(server_settings, guard=guard)
    yield await serve_echo(GuardedEcho(), middleware=chain)
    await guard.close()


async def test_ten_rotations_under_load_fail_no_call(
    serve_echo: ServeEcho,
    server_settings: ServerSettings,
    guard: BearerGuard,
    issuer: LoopbackIssuer,
    tmp_path: Path,
) -> None:
    issuer.lifetime = 1
    client = Client("worker", issuer.write_secret(tmp_path, "worker"), AUDIENCE, SCOPES)
    tokens, echo = TokenSource(Issuer(issuer.url), client), GuardedEcho()
    plain = await serve_echo(echo, middleware=default_chain(server_settings, guard=guard))
    stopped = asyncio.Event()

    async def load(stub: EchoStub) -> int:
        """Call with the source's token, and with one fresh from the newest key."""
        calls = 0
        while not stopped.is_set():
            assert await stub.call("Say", "a") == ["a"]
            fresh = issuer.token(AUDIENCE, "echo.write")
            assert await plain.call("Say", "a", metadata=bearer(fresh)) == ["a"]
            calls += 1
        return calls

    async with (
        connect(plain.target, echo.service, timeout=PATIENCE, tokens=tokens) as channel,
        asyncio.TaskGroup() as group,
    ):
        loads = [group.create_task(load(EchoStub(channel, echo.service))) for _ in range(8)]
        for _ in range(10):
            wanted = len(echo.callers) + 50
            await eventually(lambda wanted=wanted: len(echo.callers) > wanted)  # type: ignore[misc]
            issuer.rotate()
        stopped.set()
    await tokens.close()
    assert all(each.result() > 10 for each in loads)
    assert issuer.requests[KEYS] <= 11


async def test_a_token_dies_with_its_key(
    stub: EchoStub, issuer: LoopbackIssuer, clock: Clock
) -> None:
    old = bearer(issuer.token(AUDIENCE, "echo.write"))
    assert await stub.call("Say", "a", metadata=old) == ["a"]
    issuer.rotate(keep=False)
    assert await stub.call("Say", "a", metadata=old) == ["a"]
    # Now the keys are stale: a call has them fetched, here one that waits for the new key.
    clock.now = 60.0
    new = bearer(issuer.token(AUDIENCE, "echo.write"))
    assert await stub.call("Say", "a", metadata=new) == ["a"]
    assert reason_of(await refused(stub, metadata=old))[1] == "TOKEN_INVALID"


async def test_known_tokens_and_keys_outlive_the_issuer(
    stub: EchoStub, issuer: LoopbackIssuer, clock: Clock
) -> None:
    old, new = (bearer(issuer.token(AUDIENCE, "echo.write")) for _ in range(2))
    assert await stub.call("Say", "a", metadata=old) == ["a"]
    issuer.stop()
    clock.now = 3600.0
    for metadata in (old, new, old):
        assert await stub.call("Say", "a", metadata=metadata) == ["a"]
    clock.now = 25 * 3600.0
    assert reason_of(await refused(stub, metadata=old))[1] == "ISSUER_UNAVAILABLE"
