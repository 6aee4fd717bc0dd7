"""Polling, against the real endpoint, on a clock that the test puts on."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from runtime.auth.issuer import Issuer
from runtime.clock import Micros
from tools.bodega.commands.login import CLIENT_ID, SCOPE
from tools.bodega.failure import Failure
from tools.bodega.login.device import wait_for_user
from tools.bodega.login.oauth import DeviceCode, OAuth
from tools.bodega.session import CART
from tools.bodega.tests import identity_server
from tools.bodega.tests.identity_server import Identity


class HandClock:
    """A clock that waiting moves: at the server as far as `drift` says, at the client in full."""

    def __init__(self) -> None:
        self.now: Micros = 1_800_000_000_000_000
        self.waits: list[float] = []
        self.drift = 1.0
        self.after: Callable[[int], object] = lambda _count: None

    def __call__(self) -> Micros:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += timedelta(seconds=seconds * self.drift) // timedelta(microseconds=1)
        result = self.after(len(self.waits))
        if hasattr(result, "__await__"):
            await result

    def monotonic(self) -> float:
        return sum(self.waits)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def issuer(tmp_path: Path, clock: HandClock) -> AsyncIterator[Identity]:
    folder = tmp_path / "hand"
    folder.mkdir(mode=0o700)
    async with identity_server.identity(folder, clock=clock) as served:
        yield served


async def started(issuer: Identity) -> tuple[OAuth, DeviceCode]:
    oauth = OAuth(Issuer(issuer.url))
    return oauth, await oauth.start_device(CLIENT_ID, SCOPE)


def approve_after(issuer: Identity, code: DeviceCode, waits: int) -> Callable[[int], object]:
    return lambda count: issuer.allow(code.user_code) if count == waits else None


async def wait(oauth: OAuth, code: DeviceCode, clock: HandClock) -> str:
    granted = await wait_for_user(
        oauth, CLIENT_ID, code, CART, sleep=clock.sleep, monotonic=clock.monotonic
    )
    return granted.scope


async def test_it_polls_at_the_interval_until_the_user_allows_it(
    issuer: Identity, clock: HandClock
) -> None:
    oauth, code = await started(issuer)
    clock.after = approve_after(issuer, code, 4)
    assert set((await wait(oauth, code, clock)).split()) == set(SCOPE.split())
    assert clock.waits == [5, 5, 5, 5]


async def test_told_to_slow_down_it_does_for_good(issuer: Identity, clock: HandClock) -> None:
    oauth, code = await started(issuer)
    clock.drift = 0.9  # At the server less time has passed than we have waited.
    clock.after = approve_after(issuer, code, 4)
    await wait(oauth, code, clock)
    assert clock.waits[:3] == [5, 5, 10]
    assert clock.waits == sorted(clock.waits)


async def test_a_code_that_nobody_allows_expires(issuer: Identity, clock: HandClock) -> None:
    oauth, code = await started(issuer)
    with pytest.raises(Failure, match="nobody allowed the log-in in time"):
        await wait(oauth, code, clock)
    assert clock.monotonic() <= code.expires_in


async def test_an_issuer_that_is_away_is_asked_ever_less(
    issuer: Identity, clock: HandClock
) -> None:
    _, code = await started(issuer)
    with pytest.raises(Failure, match="nobody allowed the log-in in time"):
        await wait(OAuth(Issuer("http://127.0.0.1:1")), code, clock)
    assert clock.waits == [5, 10, 20, 40, 80, 160]
