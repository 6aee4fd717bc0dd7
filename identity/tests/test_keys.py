"""Signing keys: their turns, on both databases, however many replicas there are."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import jwt
import pytest
from sqlalchemy import Connection, text

from identity.keys.algorithms import ALGORITHMS, Algorithm
from identity.keys.key_cipher import KeyCipher
from identity.keys.key_store import KeyStore
from identity.keys.signing_keys import SigningKeys
from identity.settings import KeySettings
from identity.tests.counting import CountingDatabase
from identity.tests.times import HandClock
from runtime.clock import SECOND
from runtime.database import Database, open_database
from runtime.errors import DomainError, ResourceExhausted, Unavailable
from runtime.main import StartError
from runtime.migrate import upgrade
from runtime.reason import Reason
from runtime.testing.waiting import eventually

CIPHER = KeyCipher([bytes(32)])
TOKEN_LIFETIME = timedelta(minutes=10)
DAY = 86400 * SECOND


async def opened(
    database: Database, clock: HandClock, cipher: KeyCipher = CIPHER, **settings: str
) -> SigningKeys:
    return await SigningKeys.open(
        database,
        cipher,
        KeySettings.model_validate(settings),
        token_lifetime=TOKEN_LIFETIME,
        clock=clock,
    )


def sign(keys: SigningKeys, algorithm: Algorithm | None = None) -> str:
    key = keys.signer(algorithm)
    return jwt.encode(
        {"sub": "me"}, key.private_key, algorithm=key.algorithm, headers={"kid": key.kid}
    )


def verify(keys: SigningKeys, token: str) -> bool:
    key = keys.verifier(jwt.get_unverified_header(token)["kid"])
    assert key is not None, "the key of a token still good is not published"
    return bool(jwt.decode(token, key.public_key, algorithms=[key.algorithm]) == {"sub": "me"})


def published(keys: SigningKeys) -> set[str]:
    return {jwk["kid"] for jwk in keys.jwks()["keys"]}


async def test_the_first_key_signs_at_once(database: Database, clock: HandClock) -> None:
    keys = await opened(database, clock)
    assert verify(keys, sign(keys))
    assert keys.signer().algorithm == "ES256"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_each_algorithm_signs_and_is_published_without_private_members(
    sqlite_url: str, clock: HandClock, algorithm: Algorithm
) -> None:
    await upgrade(sqlite_url, "identity.migrations")
    database = await open_database(sqlite_url)
    keys = await opened(database, clock, signing_algorithm=algorithm)
    assert verify(keys, sign(keys))
    (jwk,) = keys.jwks()["keys"]
    assert jwk["alg"] == algorithm
    assert set(jwk) <= {"kty", "crv", "x", "y", "n", "e", "kid", "use", "alg"}
    await database.close()


async def test_ten_rotations_verify_every_token_that_is_still_good(
    database: Database, clock: HandClock
) -> None:
    keys = await opened(database, clock)
    tokens: list[tuple[int, str]] = []
    signers = []
    for _ in range(11 * 30 * 4):  # Eleven periods, in steps of six hours.
        clock.now += DAY // 4
        shown = published(keys)
        await keys.follow()
        tokens = [(t, token) for t, token in tokens if t + 600 * SECOND > clock()]
        tokens.append((clock(), sign(keys)))
        assert all(verify(keys, token) for _, token in tokens)
        assert keys.signer().kid in shown, "signed with a key that nobody was shown"
        if keys.signer().kid not in signers:
            signers.append(keys.signer().kid)
    assert len(signers) == 12
    assert len(published(keys)) <= 3


async def test_a_key_is_published_until_its_last_token_has_expired(
    database: Database, clock: HandClock
) -> None:
    keys = await opened(database, clock, key_period="1h", key_announce="10m")
    first = keys.signer().kid
    clock.now += 50 * 60 * SECOND
    await keys.follow()
    clock.now += 10 * 60 * SECOND - 1
    token = sign(keys)
    assert keys.signer().kid == first
    clock.now += 1
    assert keys.signer().kid != first, "the successor signs from its time, without a look"
    clock.now += 600 * SECOND - 1
    await keys.follow()
    assert verify(keys, token)
    clock.now += DAY
    await keys.follow()
    assert first not in published(keys)


async def test_two_replicas_that_start_at_once_share_one_key(
    database: Database, clock: HandClock
) -> None:
    one, two = await asyncio.gather(opened(database, clock), opened(database, clock))
    assert published(one) == published(two)
    assert one.signer().kid == two.signer().kid


async def test_many_replicas_make_one_successor(database: Database, clock: HandClock) -> None:
    replicas = [await opened(database, clock) for _ in range(6)]
    clock.now += 29 * DAY
    await asyncio.gather(*(replica.follow() for replica in replicas))
    assert all(published(each) == published(replicas[0]) for each in replicas)
    assert len(published(replicas[0])) == 2


async def test_a_replica_that_follows_late_verifies_what_the_other_signed(
    database: Database, clock: HandClock
) -> None:
    prompt = await opened(database, clock)
    late = await opened(database, clock)
    clock.now += 29 * DAY
    await prompt.follow()
    clock.now += DAY
    await prompt.follow()
    token = sign(prompt)
    kid = jwt.get_unverified_header(token)["kid"]
    assert late.verifier(kid) is None
    assert await late.find(kid) is not None
    assert verify(late, token)


async def test_a_replica_that_was_held_up_looks_before_it_publishes(
    database: Database, clock: HandClock
) -> None:
    late = await opened(database, clock)
    prompt = await opened(database, clock)
    clock.now += 29 * DAY
    await prompt.follow()
    clock.now += DAY
    kid = prompt.signer().kid
    assert late.verifier(kid) is None
    assert kid in {jwk["kid"] for jwk in (await late.jwks_now())["keys"]}


async def test_the_keys_are_published_while_the_database_is_away(clock: HandClock) -> None:
    away = DatabaseThatIsAway(Unavailable("gone", reason=Reason.DATABASE_AWAY))
    keys = SigningKeys(KeyStore(away), CIPHER, KeySettings(), clock=clock)
    assert await keys.jwks_now() == {"keys": []}
    assert away.asked == 1


async def test_made_up_kids_make_a_replica_look_once_a_second(
    database: Database, clock: HandClock
) -> None:
    counted = CountingDatabase(database)
    keys = await opened(counted, clock)
    counted.reads = 0
    for _ in range(1000):
        assert await keys.find("made up") is None
    await asyncio.gather(*(keys.find(f"made up {number}") for number in range(1000)))
    assert counted.reads == 1
    clock.now += SECOND
    await asyncio.gather(*(keys.find(f"made up {number}") for number in range(1000)))
    assert counted.reads == 2


async def test_keys_made_one_after_the_other_are_found_at_once(
    database: Database, clock: HandClock
) -> None:
    late = await opened(database, clock)
    prompt = await opened(database, clock)
    for _ in range(3):
        clock.now += 30 * DAY
        await prompt.follow()
        kids = [kid for kid in published(prompt) if late.verifier(kid) is None]
        found = await asyncio.gather(*(late.find(kid) for kid in kids * 10))
        assert kids
        assert None not in found


async def test_a_replica_cut_off_stops_signing_before_its_key_is_forgotten(
    database: Database, clock: HandClock
) -> None:
    alone = await opened(database, clock)
    other = await opened(database, clock)
    last = sign(alone)
    signed = clock()
    refused = 0
    for _ in range(40 * 8):
        clock.now += DAY // 8
        await other.follow()
        try:
            last, signed = sign(alone), clock()
        except Unavailable:
            refused += 1
        if clock() < signed + 600 * SECOND:
            assert verify(other, last)
    assert refused > 30 * 8


class CrashError(Exception):
    pass


class DatabaseThatCrashes:
    """Dies at the next write, before or after it was committed."""

    def __init__(self, database: Database, *, committed: bool) -> None:
        self._database = database
        self._committed = committed
        self.dialect = database.dialect

    async def read[T](self, work: Callable[[Connection], T], *, snapshot: bool = True) -> T:
        return await self._database.read(work, snapshot=snapshot)

    async def write[T](self, work: Callable[[Connection], T]) -> T:
        if self._committed:
            await self._database.write(work)
        raise CrashError

    async def check(self) -> None:
        await self._database.check()

    async def close(self) -> None:
        await self._database.close()


@pytest.mark.parametrize("committed", [True, False])
async def test_a_crash_within_a_rotation_is_made_good_by_the_next_replica(
    database: Database, clock: HandClock, committed: bool
) -> None:
    first = (await opened(database, clock)).signer().kid
    clock.now += 29 * DAY
    with pytest.raises(CrashError):
        await opened(DatabaseThatCrashes(database, committed=committed), clock)
    again = await opened(database, clock)
    assert len(published(again)) == 2
    assert again.signer().kid == first
    clock.now += DAY
    assert again.signer().kid != first


async def test_another_encryption_key_does_not_start_and_makes_nothing(
    database: Database, clock: HandClock
) -> None:
    await opened(database, clock)
    clock.now += 30 * DAY
    with pytest.raises(StartError, match=r"--encryption-key-file: .* was encrypted under key"):
        await opened(database, clock, KeyCipher([b"x" * 32]))
    count = await database.read(
        lambda c: c.execute(text("SELECT count(*) FROM signing_keys")).scalar()
    )
    assert count == 1


async def test_private_keys_are_not_in_the_database_in_clear(
    database: Database, clock: HandClock
) -> None:
    keys = await opened(database, clock)
    number = keys.signer().private_key.private_numbers().private_value  # type: ignore[union-attr]
    stored = await database.read(
        lambda c: c.execute(text("SELECT private_key FROM signing_keys")).scalar_one()
    )
    assert number.to_bytes(32) not in stored


async def test_a_new_default_algorithm_signs_when_it_was_announced(
    database: Database, clock: HandClock
) -> None:
    await opened(database, clock)
    clock.now += 1
    keys = await opened(database, clock, signing_algorithm="EdDSA")
    assert keys.signer().algorithm == "ES256"
    assert {jwk["alg"] for jwk in keys.jwks()["keys"]} == {"ES256", "EdDSA"}
    clock.now += DAY - 1
    await keys.follow()
    assert keys.signer().algorithm == "ES256"
    clock.now += 1
    assert keys.signer().algorithm == "EdDSA"
    clock.now += 60 * DAY
    await keys.follow()
    assert {jwk["alg"] for jwk in keys.jwks()["keys"]} == {"EdDSA"}


@pytest.mark.parametrize("max_age_beyond", [1, 2, 10])
async def test_the_jwks_may_be_kept_no_longer_than_a_key_is_announced(
    database: Database, clock: HandClock, max_age_beyond: int
) -> None:
    keys = await opened(database, clock, key_announce=f"{2 + max_age_beyond}s", key_poll="1s")
    assert keys.jwks_max_age() == max_age_beyond
    usual = await opened(database, clock)
    assert usual.jwks_max_age() == 300


async def test_a_longer_token_lifetime_reaches_the_keys_that_are_there(
    database: Database, clock: HandClock
) -> None:
    await opened(database, clock)
    await SigningKeys.open(
        database, CIPHER, KeySettings(), token_lifetime=timedelta(hours=5), clock=clock
    )
    lifetime = await database.read(
        lambda c: c.execute(text("SELECT token_lifetime FROM signing_keys")).scalar_one()
    )
    assert lifetime == 5 * 3600 * SECOND


class DatabaseThatIsAway:
    """Fails every read as a database does that is gone, or too busy."""

    dialect = "sqlite"

    def __init__(self, error: DomainError) -> None:
        self._error = error
        self.asked = 0

    async def read[T](self, work: Callable[[Connection], T], *, snapshot: bool = True) -> T:  # noqa: ARG002
        self.asked += 1
        raise self._error

    async def write[T](self, work: Callable[[Connection], T]) -> T:  # noqa: ARG002
        raise self._error

    async def check(self) -> None:
        raise self._error

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "error",
    [
        Unavailable("gone", reason=Reason.DATABASE_AWAY),
        ResourceExhausted("busy", reason=Reason.TOO_MANY_WRITES),
    ],
)
async def test_a_database_that_is_away_is_asked_again_and_stops_a_start(
    clock: HandClock, error: DomainError
) -> None:
    away = DatabaseThatIsAway(error)
    settings = KeySettings.model_validate({"key_poll": "10ms"})
    with pytest.raises(StartError, match=f"--database: {error}"):
        await SigningKeys.open(away, CIPHER, settings, token_lifetime=TOKEN_LIFETIME, clock=clock)
    keys = SigningKeys(KeyStore(away), CIPHER, settings, clock=clock)
    following = asyncio.create_task(keys.follow_for_ever())
    await eventually(lambda: away.asked > 3)
    assert not following.done()
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
