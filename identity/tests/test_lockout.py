import asyncio
from datetime import timedelta

import pytest

from identity.abuse.lockout import ADDRESS_FACTOR, Lockout
from identity.settings import AbuseSettings
from identity.tests.times import HandClock
from runtime.database import Database

AFTER = 3
MOST = timedelta(seconds=20)
SECOND = timedelta(seconds=1)
ALICE = "account:alice"
HERE = "address:192.0.2.7"


@pytest.fixture
def lockout(database: Database, clock: HandClock) -> Lockout:
    settings = AbuseSettings(lock_after=AFTER, lock_base=2 * SECOND, lock_most=MOST)
    return Lockout(database, settings, clock=clock)


async def fail(lockout: Lockout, *subjects: str, times: int) -> None:
    for _ in range(times):
        assert (await lockout.attempt(*subjects)).wait is None


async def test_some_failures_lock_nothing(lockout: Lockout) -> None:
    await fail(lockout, ALICE, times=AFTER)
    assert (await lockout.attempt("account:bob")).wait is None


async def test_each_further_failure_doubles_the_lock_up_to_the_longest(
    lockout: Lockout, clock: HandClock
) -> None:
    await fail(lockout, ALICE, times=AFTER - 1)
    for seconds in (2, 4, 8, 16, 20, 20, 20):
        assert (await lockout.attempt(ALICE)).wait is None
        assert (await lockout.attempt(ALICE)).wait == seconds
        clock.advance(SECOND * seconds - timedelta(microseconds=1))
        assert (await lockout.attempt(ALICE)).wait == 1
        clock.advance(timedelta(microseconds=1))


async def test_however_many_failures_the_lock_is_bounded(
    lockout: Lockout, clock: HandClock
) -> None:
    for _ in range(80):
        await lockout.attempt(ALICE)
        clock.advance(MOST)
    assert (await lockout.attempt(ALICE)).wait is None


async def test_an_attempt_while_locked_makes_the_lock_no_longer(
    lockout: Lockout, clock: HandClock
) -> None:
    await fail(lockout, ALICE, times=AFTER)
    for _ in range(10):
        assert (await lockout.attempt(ALICE)).wait == 2
    clock.advance(2 * SECOND)
    assert (await lockout.attempt(ALICE)).wait is None


async def test_of_many_attempts_at_once_only_so_many_are_made(lockout: Lockout) -> None:
    attempts = await asyncio.gather(*(lockout.attempt(ALICE, HERE) for _ in range(20)))
    assert sum(attempt.wait is None for attempt in attempts) == AFTER


async def test_a_success_starts_an_account_anew(lockout: Lockout) -> None:
    await fail(lockout, ALICE, times=AFTER - 1)
    attempt = await lockout.attempt(ALICE)
    await lockout.succeed(attempt)
    await fail(lockout, ALICE, times=AFTER)


async def test_an_address_is_locked_later_than_an_account(lockout: Lockout) -> None:
    for number in range(AFTER * ADDRESS_FACTOR):
        assert (await lockout.attempt(f"account:{number}", HERE)).wait is None
    assert (await lockout.attempt("account:another", HERE)).wait == 2


async def test_a_log_in_of_their_own_clears_no_guesses_of_an_address(lockout: Lockout) -> None:
    for number in range(AFTER * ADDRESS_FACTOR - 1):
        assert (await lockout.attempt(f"account:{number}", HERE)).wait is None
        await lockout.succeed(await lockout.attempt("account:mallory", HERE))
    assert (await lockout.attempt("account:victim", HERE)).wait is None
    assert (await lockout.attempt("account:mallory", HERE)).wait == 2


async def test_a_success_lifts_the_lock_that_itself_set_and_no_other(lockout: Lockout) -> None:
    await fail(lockout, HERE, times=AFTER * ADDRESS_FACTOR - 2)
    own = await lockout.attempt("account:mallory", HERE)
    await lockout.attempt("account:victim", HERE)
    await lockout.succeed(own)
    assert (await lockout.attempt("account:mallory", HERE)).wait == 2


async def test_a_success_at_the_edge_leaves_an_address_open(lockout: Lockout) -> None:
    await fail(lockout, HERE, times=AFTER * ADDRESS_FACTOR - 1)
    for _ in range(3):
        await lockout.succeed(await lockout.attempt("account:alice", HERE))


async def test_failures_of_yesterday_are_forgotten(lockout: Lockout, clock: HandClock) -> None:
    await fail(lockout, ALICE, times=AFTER)
    clock.advance(timedelta(days=1, seconds=1))
    await fail(lockout, ALICE, times=AFTER)


@pytest.mark.parametrize("name", ["\0", "\ud800", "x" * 100_000, "né\n"])
async def test_whatever_is_typed_as_a_name_is_counted(lockout: Lockout, name: str) -> None:
    await fail(lockout, f"account:{name}", times=AFTER)
    assert (await lockout.attempt(f"account:{name}")).wait == 2
    assert (await lockout.attempt(f"account:{name}!")).wait is None


async def test_what_counts_no_longer_is_purged(lockout: Lockout, clock: HandClock) -> None:
    for number in range(3):
        await lockout.attempt(f"account:{number}")
    clock.advance(timedelta(days=1, seconds=1))
    await lockout.attempt(ALICE)
    assert await lockout.purge(2) == 2
    assert await lockout.purge(2) == 1
    assert await lockout.purge(2) == 0
