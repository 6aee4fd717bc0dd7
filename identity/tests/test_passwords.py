import asyncio
import statistics
import time
from threading import Lock

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type
from psutil import Process

from identity.users.passwords import AT_ONCE, MOST_BYTES, Passwords, cheap_passwords, check_password
from runtime.errors import InvalidArgument, ResourceExhausted


async def test_the_parameters_are_those_of_the_owasp() -> None:
    parameters = extract_parameters(await Passwords().hash("correct horse"))
    assert parameters.type is Type.ID
    assert (parameters.memory_cost, parameters.time_cost) == (19456, 2)
    assert parameters.parallelism == 1


async def test_the_right_password_is_right_and_another_is_not() -> None:
    passwords = cheap_passwords()
    stored = await passwords.hash("correct horse")
    assert (await passwords.verify(stored, "correct horse")).is_right
    assert not (await passwords.verify(stored, "correct horsf")).is_right
    assert not (await passwords.verify(stored, "")).is_right


async def test_two_ways_to_type_a_character_are_one_password() -> None:
    passwords = cheap_passwords()
    stored = await passwords.hash("cafe\u0301 au lait")
    assert (await passwords.verify(stored, "caf\u00e9 au lait")).is_right


async def test_a_hash_with_old_parameters_is_made_anew_when_the_password_is_right() -> None:
    old = await cheap_passwords().hash("correct horse")
    passwords = Passwords(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    assert (await passwords.verify(old, "wrong horse")).rehashed is None
    verified = await passwords.verify(old, "correct horse")
    assert verified.rehashed is not None
    again = await passwords.verify(verified.rehashed, "correct horse")
    assert again.is_right
    assert again.rehashed is None


async def test_nothing_stored_takes_as_long_as_a_wrong_password() -> None:
    passwords = Passwords()
    stored = await passwords.hash("correct horse")
    await passwords.verify(None, "warms up")

    async def seconds(known: str | None) -> float:
        start = time.process_time()  # Of this process alone, whoever else is at work.
        assert not (await passwords.verify(known, "a wrong password")).is_right
        return time.process_time() - start

    # In turns, so that whatever slows the machine down slows both.
    pairs = [(await seconds(stored), await seconds(None)) for _ in range(9)]
    known, unknown = map(statistics.median, zip(*pairs, strict=True))
    assert 0.5 < known / unknown < 2


async def test_a_password_that_is_too_long_is_wrong_whoever_asks() -> None:
    passwords = cheap_passwords()
    stored = await passwords.hash("a" * MOST_BYTES)
    assert (await passwords.verify(stored, "a" * MOST_BYTES)).is_right
    assert not (await passwords.verify(stored, "a" * (MOST_BYTES + 1))).is_right


async def test_characters_outside_utf_8_are_wrong_and_break_nothing() -> None:
    passwords = cheap_passwords()
    stored = await passwords.hash("correct horse")
    assert not (await passwords.verify(stored, "\ud800\0")).is_right


async def test_a_broken_hash_lets_nobody_in() -> None:
    assert not (await cheap_passwords().verify("no hash", "correct horse")).is_right


class CountingHasher(PasswordHasher):
    """Knows how many it hashed at once, at most."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=2048, parallelism=1)
        self.counted = Lock()
        self.now = self.most = 0

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        with self.counted:
            self.now += 1
            self.most = max(self.most, self.now)
        hashed = super().hash(password, salt=salt)
        with self.counted:
            self.now -= 1
        return hashed


async def test_only_so_many_are_hashed_at_once() -> None:
    hasher = CountingHasher()
    passwords = Passwords(hasher)
    await asyncio.gather(*(passwords.hash("correct horse") for _ in range(20)))
    assert 1 <= hasher.most <= AT_ONCE


async def test_a_flood_is_turned_away_before_it_piles_up() -> None:
    passwords = cheap_passwords()
    done = await asyncio.gather(
        *(passwords.verify(None, "correct horse") for _ in range(300)), return_exceptions=True
    )
    refused = [one for one in done if isinstance(one, ResourceExhausted)]
    assert 0 < len(refused) <= 100
    assert not (await passwords.verify(None, "correct horse")).is_right


async def test_a_hash_keeps_no_memory() -> None:
    passwords = Passwords()
    before = Process().memory_info().rss
    await asyncio.gather(*(passwords.hash("correct horse") for _ in range(4)))
    assert Process().memory_info().rss - before < 10 * 2**20


@pytest.mark.parametrize(
    "password",
    [
        "sevench",
        "a" * 1025,
        "€" * 400,
        "PASSWORD123",
        "qwertyuiop",
        "zzzzzzzzzzzz",
        "Alice.Smith",
        "\uff50assword",  # Full-width: normalised, it is in the list.
    ],
)
def test_a_password_that_is_short_long_or_guessed_first_is_refused(password: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        check_password(password, "alice.smith")
    assert refused.value.reason == "PASSWORD_REFUSED"
    assert password not in refused.value.message


@pytest.mark.parametrize("password", ["correct horse", "ぱすわーど八文字以上", "a" * 1023 + "b"])
def test_there_are_no_rules_about_characters(password: str) -> None:
    check_password(password, "alice")
