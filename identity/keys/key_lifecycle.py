"""When a signing key is announced, signs, retires and is deleted: decided here, done elsewhere."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from identity.keys.algorithms import Algorithm
from identity.settings import KeySettings
from runtime.clock import SECOND, Micros

# A replica that cannot read the database signs with what it knows for so long beyond the announce
# period, and a retired key is published for so much longer.
SLACK: Micros = 60 * SECOND
# A verifier may keep what the JWKS endpoint gave for at most so long.
_MOST_MAX_AGE: Micros = 300 * SECOND


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A row of signing_keys."""

    kid: str
    algorithm: Algorithm
    generation: int
    public_jwk: str
    private_key: bytes
    announce_time: Micros
    sign_time: Micros
    token_lifetime: Micros


@dataclass(frozen=True, slots=True)
class Turn:
    """What is known of a key that is yet to be made."""

    algorithm: Algorithm
    generation: int
    sign_time: Micros


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The periods, in microseconds."""

    period: Micros
    announce: Micros
    poll: Micros

    @property
    def stale_after(self) -> Micros:
        """How old what a replica knows of the keys may be when it signs.

        What it does not know of by then was announced at most this long ago, so the key that it
        signs with retired at most SLACK ago, and is published for long enough.
        """
        return self.announce + SLACK

    @property
    def max_age(self) -> int:
        """Seconds that a JWKS may be kept: whoever keeps it sees a key before it signs.

        A replica publishes a key a poll after it was announced; two, because a poll takes time.
        """
        return max(0, min(_MOST_MAX_AGE, self.announce - 2 * self.poll) // SECOND)

    @property
    def publish_within(self) -> Micros:
        """How old what a replica knows of the keys may be when it publishes them.

        What it does not know of by then signs when nobody keeps that JWKS any more.
        """
        return self.announce - self.max_age * SECOND

    def retire_time(self, key: StoredKey, keys: Iterable[StoredKey]) -> Micros | None:
        """Return when the successor begins to sign, None where there is none yet."""
        successors = (
            each.sign_time
            for each in keys
            if each.algorithm == key.algorithm and each.generation > key.generation
        )
        return min(successors, default=None)

    def delete_time(self, key: StoredKey, keys: Sequence[StoredKey], wanted: bool) -> Micros | None:
        """Return when no token that the key signed can be good any more, None where unknown.

        The last key of an algorithm that nobody wants any more retires after its period.
        """
        retire_time = self.retire_time(key, keys)
        if retire_time is None:
            if wanted:
                return None
            retire_time = key.sign_time + self.period
        return retire_time + key.token_lifetime + self.announce + SLACK

    def due(self, algorithm: Algorithm, keys: Iterable[StoredKey], now: Micros) -> Turn | None:
        """Return the turn of the key that must be announced now, if any."""
        keys = list(keys)
        newest = newest_key(algorithm, keys)
        if newest is None:
            # Beside others, as soon as every replica publishes it: its first tokens go to clients
            # that have seen no key of the algorithm yet, and so look for one.
            return Turn(algorithm, 1, now + 2 * self.poll if keys else now)
        end = newest.sign_time + self.period
        if now < end - self.announce:
            return None
        return Turn(algorithm, newest.generation + 1, max(end, now + self.announce))


def newest_key(algorithm: Algorithm, keys: Iterable[StoredKey]) -> StoredKey | None:
    """Return the key of an algorithm with the highest generation."""
    ours = (key for key in keys if key.algorithm == algorithm)
    return max(ours, key=lambda key: key.generation, default=None)


def lifecycle_of(settings: KeySettings) -> Lifecycle:
    """Return the periods that the settings give."""
    return Lifecycle(
        period=micros(settings.key_period),
        announce=micros(settings.key_announce),
        poll=micros(settings.key_poll),
    )


def micros(duration: timedelta) -> Micros:
    """Return a duration in microseconds."""
    return duration // timedelta(microseconds=1)
