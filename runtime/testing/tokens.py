"""Fixtures for tests with tokens: an issuer, and the guard of a service that trusts it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from runtime.auth.bearer import BearerGuard
from runtime.auth.issuer import Issuer
from runtime.testing.issuer import AUDIENCE, LoopbackIssuer


@pytest.fixture
def issuer() -> Iterator[LoopbackIssuer]:
    """Return an issuer that serves on a free port of this machine."""
    with LoopbackIssuer({"worker": "s3cret + %"}) as served:
        yield served


@pytest.fixture
async def guard(issuer: LoopbackIssuer) -> AsyncIterator[BearerGuard]:
    """Return a guard for tokens of the issuer for AUDIENCE."""
    made = BearerGuard(Issuer(issuer.url), AUDIENCE)
    yield made
    await made.close()
