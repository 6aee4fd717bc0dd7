import asyncio

import pytest

from identity.users.consents import Consents
from runtime.database import Database


@pytest.fixture
def consents(database: Database) -> Consents:
    return Consents(database)


async def test_nothing_is_allowed_at_first(consents: Consents) -> None:
    assert await consents.allowed("alice", "app") == frozenset()


async def test_what_is_allowed_adds_up(consents: Consents) -> None:
    await consents.allow("alice", "app", ["openid", "profile"])
    await consents.allow("alice", "app", ["email", "openid"])
    assert await consents.allowed("alice", "app") == {"openid", "profile", "email"}
    assert await consents.allowed("bob", "app") == frozenset()
    assert await consents.allowed("alice", "other") == frozenset()


async def test_what_two_tabs_allow_at_once_is_all_kept(consents: Consents) -> None:
    scopes = [f"scope{number}" for number in range(12)]
    await asyncio.gather(*(consents.allow("alice", "app", [scope]) for scope in scopes))
    assert await consents.allowed("alice", "app") == frozenset(scopes)


async def test_a_consent_can_be_forgotten(consents: Consents) -> None:
    await consents.allow("alice", "app", ["openid"])
    await consents.forget("alice", "app")
    assert await consents.allowed("alice", "app") == frozenset()
