"""Tokens of our own: fetched once for all, ahead of their end, and never handed out too late."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import jwt
import pytest

from runtime.auth.issuer import Issuer
from runtime.auth.token_source import Client, TokenSource
from runtime.errors import Unavailable
from runtime.testing.issuer import AUDIENCE, TOKENS, LoopbackIssuer
from runtime.testing.waiting import eventually


class Source:
    """The source, on a clock that the test moves; it renews after 8 tenths of a token's life."""

    def __init__(self, issuer: LoopbackIssuer, folder: Path) -> None:
        self.clock = 1000.0
        self.issuer = issuer
        self.file = issuer.write_secret(folder, "worker")
        client = Client("worker", self.file, AUDIENCE, frozenset({"echo.write", "echo.read"}))
        self.tokens = TokenSource(
            Issuer(issuer.url, monotonic=self.now),
            client,
            draw=lambda low, high: (low + high) / 2,
            monotonic=self.now,
        )

    def now(self) -> float:
        return self.clock

    @property
    def fetched(self) -> int:
        return self.issuer.requests[TOKENS]


@pytest.fixture
async def source(issuer: LoopbackIssuer, tmp_path: Path) -> AsyncIterator[Source]:
    made = Source(issuer, tmp_path)
    yield made
    await made.tokens.close()


async def test_the_token_is_for_the_resource_and_the_scopes(source: Source) -> None:
    claims = jwt.decode(await source.tokens.token(), options={"verify_signature": False})
    assert claims["aud"] == AUDIENCE
    assert claims["scope"] == "echo.read echo.write"
    assert claims["sub"] == claims["client_id"] == "worker"


async def test_a_hundred_callers_at_once_are_one_request(source: Source) -> None:
    tokens = await asyncio.gather(*(source.tokens.token() for _ in range(100)))
    assert len(set(tokens)) == 1
    assert source.fetched == 1


async def test_nothing_is_fetched_before_it_is_wanted(source: Source) -> None:
    assert source.tokens.ready() is None
    await asyncio.sleep(0)
    assert source.fetched == 0


async def test_a_token_is_kept_until_most_of_its_life_is_over(source: Source) -> None:
    token = await source.tokens.token()
    source.clock += 239
    assert await source.tokens.token() == token
    assert source.fetched == 1


async def test_a_token_is_renewed_ahead_of_its_end_and_nobody_waits(source: Source) -> None:
    token = await source.tokens.token()
    source.issuer.open.clear()
    source.clock += 241
    assert [source.tokens.ready() for _ in range(5)] == [token] * 5
    source.issuer.open.set()
    await eventually(lambda: source.tokens.ready() not in {token, None})
    assert source.fetched == 2


async def test_a_token_near_its_end_is_not_handed_out(source: Source) -> None:
    token = await source.tokens.token()
    source.clock += 291
    assert source.tokens.ready() is None
    assert await source.tokens.token() != token


async def test_an_issuer_that_is_away_is_told_and_waited_for(source: Source) -> None:
    source.issuer.stop()
    for _ in range(20):
        with pytest.raises(Unavailable) as caught:
            await source.tokens.token()
        assert caught.value.reason == "TOKEN_UNAVAILABLE"
        assert caught.value.retry_after
    source.issuer.start()
    source.clock += 10
    assert await source.tokens.token()


async def test_a_good_token_outlives_the_issuer(source: Source) -> None:
    token = await source.tokens.token()
    source.issuer.stop()
    source.clock += 280
    assert await source.tokens.token() == token
    source.clock += 20
    with pytest.raises(Unavailable):
        await source.tokens.token()


async def test_a_refused_token_is_replaced_once(source: Source) -> None:
    token = await source.tokens.token()
    assert not source.tokens.drop(token)
    assert await source.tokens.token() == token
    source.clock += 1
    assert source.tokens.drop(token)
    new = await source.tokens.token()
    assert new != token
    assert source.tokens.drop(token)
    assert await source.tokens.token() == new


async def test_a_secret_that_was_rotated_is_read_again(source: Source) -> None:
    source.issuer.clients["worker"] = "another"
    with pytest.raises(Unavailable, match="invalid_client"):
        await source.tokens.token()
    source.file.write_text("another")
    source.clock += 10
    assert await source.tokens.token()


async def test_neither_secret_nor_token_is_logged_or_told(
    source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    token = await source.tokens.token()
    source.issuer.clients["worker"] = "another"
    source.clock += 400
    with pytest.raises(Unavailable) as caught:
        await source.tokens.token()
    told = caplog.text + str(caught.value) + repr(caught.value.__cause__)
    assert "invalid_client" in told
    for secret in (source.file.read_text().strip(), token, "Basic", token.split(".")[2]):
        assert secret not in told


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o660, 0o602, 0o777])
async def test_a_secret_that_others_can_read_or_change_is_not_used(
    source: Source, mode: int
) -> None:
    source.file.chmod(mode)
    with pytest.raises(Unavailable, match=r"--client-secret-file .*use chmod 600"):
        await source.tokens.token()
    assert source.fetched == 0


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o440])
async def test_a_secret_of_ones_own_or_of_a_group_is_used(source: Source, mode: int) -> None:
    source.file.chmod(mode)
    assert await source.tokens.token()


@pytest.mark.parametrize(
    ("content", "rule"), [(b"", "it is empty"), (b"\xff", "not ascii"), (None, "no such file")]
)
async def test_a_secret_file_that_is_missing_empty_or_odd_is_named(
    source: Source, content: bytes | None, rule: str
) -> None:
    if content is None:
        source.file.unlink()
    else:
        source.file.write_bytes(content)
    with pytest.raises(Unavailable, match=f"--client-secret-file .*{rule}"):
        await source.tokens.token()


@pytest.mark.parametrize(
    "answer",
    [
        {"access_token": None},
        {"access_token": "a\r\nb"},
        {"token_type": "DPoP"},
        {"token_type": None},
        {"expires_in": 0},
        {"expires_in": "300"},
        {"expires_in": float("inf")},
    ],
    ids=str,
)
async def test_an_answer_that_is_no_token_is_refused(
    source: Source, answer: dict[str, object]
) -> None:
    source.issuer.grant_overrides = answer
    with pytest.raises(Unavailable, match="no token"):
        await source.tokens.token()
