"""The cache of the issuer's keys: when it asks, when it waits, and what it does unanswered."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from runtime.auth.issuer import Issuer
from runtime.auth.jwk import Key
from runtime.auth.jwks import Jwks, JwksLimits
from runtime.auth.refresh import AwayError
from runtime.testing.issuer import DISCOVERY, KEYS, LoopbackIssuer, SigningKey
from runtime.testing.waiting import eventually

ALG = "ES256"
LIMITS = JwksLimits(min_fresh=10, default_fresh=300, max_fresh=3600, max_stale=7200)


class Cache:
    """The cache, on a clock that the test moves."""

    def __init__(self, issuer: LoopbackIssuer) -> None:
        self.clock = 1000.0
        self.removed: list[frozenset[Key]] = []
        self.issuer = issuer
        self.jwks = Jwks(
            Issuer(issuer.url, monotonic=self.now),
            limits=LIMITS,
            on_removed=self.removed.append,
            monotonic=self.now,
        )

    def now(self) -> float:
        return self.clock

    async def find(self, kid: str | None = None) -> Key | None:
        return await self.jwks.find(kid or self.issuer.signing.kid, ALG)

    def is_fresh(self) -> bool:
        return self.clock < self.jwks.fresh_until

    @property
    def fetched(self) -> int:
        return self.issuer.requests[KEYS]


@pytest.fixture
async def cache(issuer: LoopbackIssuer) -> AsyncIterator[Cache]:
    made = Cache(issuer)
    yield made
    await made.jwks.close()


async def test_a_hundred_callers_at_once_are_one_request(cache: Cache) -> None:
    found = await asyncio.gather(*(cache.find() for _ in range(100)))
    assert len(set(found)) == 1
    assert found[0]
    assert (cache.fetched, cache.issuer.requests[DISCOVERY]) == (1, 1)


async def test_a_caller_that_gives_up_takes_nobody_with_it(cache: Cache) -> None:
    cache.issuer.open.clear()
    first, second = asyncio.create_task(cache.find()), asyncio.create_task(cache.find())
    await eventually(lambda: cache.issuer.requests.total() == 1)
    first.cancel()
    cache.issuer.open.set()
    assert await second
    assert first.cancelled()
    assert cache.fetched == 1


@pytest.mark.parametrize(
    ("max_age", "fresh"), [(None, 300), (0, 10), (60, 60), (86400, 3600)], ids=str
)
async def test_max_age_is_honoured_within_bounds(
    cache: Cache, max_age: int | None, fresh: float
) -> None:
    cache.issuer.max_age = max_age
    await cache.find()
    cache.clock += fresh - 1
    assert cache.is_fresh()
    cache.clock += 1
    assert not cache.is_fresh()


async def test_stale_keys_are_used_while_new_ones_are_fetched(cache: Cache) -> None:
    old = await cache.find()
    cache.clock += 301
    cache.issuer.open.clear()
    for _ in range(3):
        assert await cache.find() == old
    cache.issuer.open.set()
    await eventually(cache.is_fresh)
    assert cache.fetched == 2


async def test_known_keys_outlive_the_issuer_for_a_bounded_time(cache: Cache) -> None:
    old = await cache.find()
    cache.issuer.stop()
    cache.clock += LIMITS.max_stale - 1
    assert await cache.find() == old
    cache.clock += 10
    with pytest.raises(AwayError):
        await cache.find()
    cache.issuer.start()
    cache.clock += 10
    assert await cache.find() == old


async def test_an_issuer_that_is_away_is_asked_less_and_less_often(cache: Cache) -> None:
    cache.issuer.overrides = {"issuer": "http://127.0.0.1:1"}
    waits = []
    for _ in range(50):
        with pytest.raises(AwayError) as caught:
            await cache.find()
        waits.append(caught.value.retry_after.total_seconds())
    assert cache.issuer.requests[DISCOVERY] == 1
    assert all(0 < wait <= 5 for wait in waits)


async def test_a_new_key_is_found_at_once(cache: Cache) -> None:
    old = await cache.find()
    cache.issuer.rotate()
    new = await cache.find()
    assert new != old
    assert cache.fetched == 2
    assert not cache.removed


async def test_a_hundred_callers_with_a_new_key_are_one_request(cache: Cache) -> None:
    await cache.find()
    cache.issuer.rotate()
    assert all(await asyncio.gather(*(cache.find() for _ in range(100))))
    assert cache.fetched == 2


async def test_keys_that_were_on_their_way_before_a_rotation_are_fetched_again(
    cache: Cache,
) -> None:
    await cache.find()
    cache.clock += 301
    cache.issuer.open.clear()
    await cache.find()
    await eventually(lambda: cache.fetched == 2)
    cache.clock += 1
    wanted = asyncio.create_task(cache.find("key-2"))
    await asyncio.sleep(0)
    cache.issuer.open.set()
    assert await wanted is None
    assert cache.fetched == 3


async def test_an_unknown_key_is_looked_for_once_in_a_while(cache: Cache) -> None:
    assert await cache.find("unknown") is None
    assert cache.fetched == 1
    assert await cache.find("unknown") is None
    assert cache.fetched == 2
    for _ in range(2 * LIMITS.unknown_kid_burst):
        assert await cache.find("unknown") is None
    assert cache.fetched == 2
    cache.clock += LIMITS.unknown_kid_seconds
    assert await cache.find("unknown") is None
    assert cache.fetched == 3


async def test_who_asks_for_one_unknown_key_leaves_the_looks_to_the_others(cache: Cache) -> None:
    await cache.find()
    for _ in range(2 * LIMITS.unknown_kid_burst):
        assert await cache.find("unknown") is None
    for number in range(LIMITS.unknown_kid_burst - 1):
        assert await cache.find(f"unknown-{number}") is None


async def test_a_look_that_failed_is_no_look(cache: Cache) -> None:
    await cache.find()
    cache.issuer.stop()
    with pytest.raises(AwayError):
        await cache.find("unknown")
    with pytest.raises(AwayError):
        await cache.find("unknown")


async def test_the_rate_for_unknown_keys_recovers(cache: Cache) -> None:
    await cache.find()
    for number in range(LIMITS.unknown_kid_burst):
        assert await cache.find(f"unknown-{number}") is None
    with pytest.raises(AwayError) as caught:
        await cache.find("unknown")
    assert caught.value.retry_after.total_seconds() == LIMITS.unknown_kid_seconds
    cache.clock += LIMITS.unknown_kid_seconds
    assert await cache.find("unknown") is None


async def test_a_key_that_is_taken_away_is_told(cache: Cache) -> None:
    old = await cache.find()
    cache.issuer.rotate(keep=False)
    await cache.find()
    assert cache.removed == [{old}]
    assert old
    assert await cache.find(old.kid) is None


async def test_another_key_under_the_same_kid_is_another_key(cache: Cache) -> None:
    old = await cache.find()
    cache.issuer.signing = SigningKey("key-1")
    cache.issuer.published = [cache.issuer.signing]
    cache.clock += 301
    await cache.find()
    await eventually(cache.is_fresh)
    assert await cache.find() != old
    assert cache.removed == [{old}]


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "http://127.0.0.1:1"},
        {"issuer": None},
        {"jwks_uri": None},
        {"jwks_uri": "http://bodega.example/jwks"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": ["x"]},
    ],
    ids=str,
)
async def test_a_discovery_document_that_is_not_the_issuers_is_refused(
    cache: Cache, document: dict[str, object]
) -> None:
    cache.issuer.overrides = document
    with pytest.raises(AwayError):
        await cache.find()
    assert cache.fetched == 0


async def test_an_answer_without_end_is_cut_off(cache: Cache) -> None:
    cache.issuer.extra_keys = [{"pad": "x" * 1000}] * 1000
    with pytest.raises(AwayError, match="more than"):
        await cache.find()
