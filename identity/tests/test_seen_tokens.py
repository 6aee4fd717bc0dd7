"""A token's signature is verified once; all else about it is asked each time."""

from datetime import timedelta

import pytest

from identity.keys.key_cipher import KeyCipher
from identity.keys.signing_keys import SigningKeys
from identity.keys.tokens import Tokens
from identity.settings import KeySettings
from identity.tests.times import HandClock
from runtime.clock import SECOND
from runtime.database import Database

LIFETIME = timedelta(minutes=10)
DAY = 86400 * SECOND


@pytest.fixture
async def keys(database: Database, clock: HandClock) -> SigningKeys:
    return await SigningKeys.open(
        database,
        KeyCipher([bytes(32)]),
        KeySettings.model_validate({}),
        token_lifetime=LIFETIME,
        clock=clock,
    )


def tokens_of(keys: SigningKeys, clock: HandClock, lifetime: timedelta = LIFETIME) -> Tokens:
    return Tokens(
        "https://id.example",
        keys,
        access_token_lifetime=lifetime,
        id_token_lifetime=lifetime,
        clock=clock,
    )


def issue(tokens: Tokens) -> str:
    return tokens.access_token(subject="me", client_id="me", scopes=["a"])[0]


async def test_a_token_read_before_expires_all_the_same(
    keys: SigningKeys, clock: HandClock
) -> None:
    tokens = tokens_of(keys, clock)
    token = issue(tokens)
    assert await tokens.read_access_token(token)
    clock.now += 600 * SECOND
    assert await tokens.read_access_token(token) is None


async def test_a_token_read_before_dies_with_its_key(keys: SigningKeys, clock: HandClock) -> None:
    # It would outlive its key, which is kept for as long as honest tokens last.
    tokens = tokens_of(keys, clock, lifetime=timedelta(days=365))
    token = issue(tokens)
    assert await tokens.read_access_token(token)
    for _ in range(3):
        clock.now += 30 * DAY
        await keys.follow()
    assert await tokens.read_access_token(token) is None


async def test_a_changed_token_is_another_token(keys: SigningKeys, clock: HandClock) -> None:
    tokens = tokens_of(keys, clock)
    token = issue(tokens)
    assert await tokens.read_access_token(token)
    head, body, signature = token.split(".")
    other = "A" if signature[0] != "A" else "B"
    assert await tokens.read_access_token(f"{head}.{body}.{other}{signature[1:]}") is None


async def test_what_one_caller_does_to_the_claims_the_next_does_not_see(
    keys: SigningKeys, clock: HandClock
) -> None:
    tokens = tokens_of(keys, clock)
    token = issue(tokens)
    first = await tokens.read_access_token(token)
    assert first is not None
    first["scope"] = "everything"
    second = await tokens.read_access_token(token)
    assert second is not None
    assert second["scope"] == "a"


@pytest.mark.parametrize("header", ["", "e30", "W10", "bnVsbA", "*", "é"])
async def test_a_header_that_says_nothing_is_no_token(
    keys: SigningKeys, clock: HandClock, header: str
) -> None:
    assert await tokens_of(keys, clock).read_access_token(f"{header}.e30.AA") is None
