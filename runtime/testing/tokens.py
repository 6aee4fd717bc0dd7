"""Fixtures for tests with tokens: an issuer, and the guard of a service that trusts it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from runtime.auth import https
from runtime.auth.bearer import BearerGuard
from runtime.auth.issuer import Issuer
from runtime.testing.issuer import AUDIENCE, LoopbackIssuer
from runtime.testing.waiting import PATIENCE_SECONDS


@pytest.fixture
def issuer(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackIssuer]:
    """Return an issuer that serves on a free port of this machine, and is waited for."""
    monkeypatch.setattr(https, "CONNECT_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr(https, "REQUEST_SECONDS", PATIENCE_SECONDS)
    with LoopbackIssuer({"worker": "s3cret + %"}) as served:
        yield served


@pytest.fixture
async def guard(issuer: LoopbackIssuer) -> AsyncIterator[BearerGuard]:
    """Return a guard for tokens of the issuer for AUDIENCE."""
    made = BearerGuard(Issuer(issuer.url), AUDIENCE)
    yield made
    await made.close()
