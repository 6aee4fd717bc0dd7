"""The signing keys as a replica holds them: in memory, following the database."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast

from jwt import PyJWK

from identity.keys.algorithms import Algorithm, Jwk, PrivateKey, PublicKey, from_der
from identity.keys.key_cipher import CannotDecryptError, KeyCipher
from identity.keys.key_lifecycle import Lifecycle, StoredKey, lifecycle_of, micros
from identity.keys.key_rotation import KeyRotation
from identity.keys.key_store import KeyStore, KeyTable
from identity.reason import Reason
from identity.settings import KeySettings
from runtime.clock import SECOND, Clock, Micros, now_micros
from runtime.database import Database
from runtime.errors import DomainError, Unavailable
from runtime.logs import get_logger
from runtime.main import StartError

_log = get_logger(__name__)

# Tokens with made-up kids make the server look into the database so often at most.
_LOOK_EVERY: Micros = SECOND


@dataclass(frozen=True, slots=True)
class SigningKey:
    """What signs a token."""

    kid: str
    algorithm: Algorithm
    private_key: PrivateKey


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """What a token of ours was signed with. It is good with this algorithm and no other.

    Equal where `kid` and algorithm are: a kid is the thumbprint of its key.
    """

    kid: str
    algorithm: Algorithm
    public_key: PublicKey = field(compare=False)


@dataclass(frozen=True, slots=True)
class _Loaded:
    stored: StoredKey
    signing: SigningKey
    verifying: VerifyingKey
    jwk: Jwk


class SigningKeys:
    """Signs with the key whose turn it is, and publishes it before, during and after.

    Every replica follows the table of keys; whichever finds a key due makes it. All of them
    publish a key before any of them signs with it.
    """

    def __init__(
        self,
        store: KeyStore,
        cipher: KeyCipher,
        settings: KeySettings,
        *,
        token_lifetime: timedelta = timedelta(0),
        clock: Clock = now_micros,
    ) -> None:
        self._store = store
        self._cipher = cipher
        self._lifecycle: Lifecycle = lifecycle_of(settings)
        self._default: Algorithm = settings.signing_algorithm
        self._poll = settings.key_poll
        self._clock = clock
        self._rotation = KeyRotation(
            store, cipher, self._lifecycle, token_lifetime=micros(token_lifetime), clock=clock
        )
        self._keys: dict[str, _Loaded] = {}
        self._read_time: Micros = 0
        self._reading = asyncio.Lock()
        self._looking: asyncio.Task[None] | None = None
        self._vain_time: Micros = 0

    @classmethod
    async def open(
        cls,
        database: Database,
        cipher: KeyCipher,
        settings: KeySettings,
        *,
        token_lifetime: timedelta,
        clock: Clock = now_micros,
    ) -> SigningKeys:
        """Read the keys, and make the first where there are none.

        `token_lifetime` is that of the token that lives longest. StartError where the stored keys
        were encrypted under another key than the cipher's.
        """
        keys = cls(KeyStore(database), cipher, settings, token_lifetime=token_lifetime, clock=clock)
        try:
            await keys.follow()
        except CannotDecryptError as error:
            raise StartError(
                f"--encryption-key-file: signing key {error}; give the file that this database was"
                " used with before"
            ) from error
        except DomainError as error:
            raise StartError(f"--database: {error}") from error
        return keys

    def signer(self, algorithm: Algorithm | None = None) -> SigningKey:
        """Return the key to sign with now; None means the default algorithm.

        After a change of the default algorithm, the one before it signs until the first new key
        was announced for as long as any other. Unavailable where there is none to sign with.
        """
        now = self._clock()
        if now - self._read_time > self._lifecycle.stale_after:
            raise Unavailable("the signing keys cannot be read", reason=Reason.KEYS_STALE)
        signing = [key for key in self._keys.values() if key.stored.sign_time <= now]
        if algorithm is None:
            algorithm = self._default_algorithm([key.stored for key in signing], now)
        ours = (key for key in signing if key.stored.algorithm == algorithm)
        found = max(ours, key=lambda key: key.stored.generation, default=None)
        if found is None:
            raise Unavailable(
                f"there is no {algorithm} key to sign with yet",
                reason=Reason.NO_SIGNING_KEY,
                retry_after=2 * self._poll,
            )
        return found.signing

    def verifier(self, kid: str) -> VerifyingKey | None:
        """Return the key of that id, if it is published."""
        found = self._keys.get(kid)
        return found.verifying if found else None

    async def find(self, kid: str) -> VerifyingKey | None:
        """Do as `verifier` does, and look into the database for a key not known here.

        After a look in vain there is none for a second, since anybody can make up a kid.
        """
        if kid in self._keys:
            return self.verifier(kid)
        if self._looking is None and self._clock() - self._vain_time >= _LOOK_EVERY:
            self._looking = asyncio.create_task(self._look())
        if self._looking is not None:
            await asyncio.shield(self._looking)
            if kid not in self._keys:
                self._vain_time = self._clock()
        return self.verifier(kid)

    async def _look(self) -> None:
        try:
            await self.follow()
        finally:
            self._looking = None

    def jwks(self) -> dict[str, list[Jwk]]:
        """Return the JWK set to publish (RFC 7517): keys announced, signing and retired."""
        return {"keys": [key.jwk for key in self._keys.values()]}

    async def jwks_now(self) -> dict[str, list[Jwk]]:
        """Do as `jwks` does, and look into the database first if the last look is too long ago.

        A process that was held up would else publish without the key that others sign with.
        """
        if self._clock() - self._read_time > self._lifecycle.publish_within:
            await self._try_to_follow()
        return self.jwks()

    def jwks_max_age(self) -> int:
        """Seconds that the JWKS may be kept, so that nobody meets a key not seen before."""
        return self._lifecycle.max_age

    def algorithms(self) -> list[Algorithm]:
        """Return the algorithms that there are keys for."""
        return sorted({key.stored.algorithm for key in self._keys.values()})

    async def follow(self) -> None:
        """Read the table of keys and do what is due in it."""
        async with self._reading:
            read_time = self._clock()
            table = await self._store.read()
            self._take(table)  # First, so that under a wrong encryption key nothing is made.
            if await self._rotation.keep(table.keys, self._wanted(table)):
                self._take(await self._store.read())
            self._read_time = read_time

    async def follow_for_ever(self) -> None:
        """Follow at every poll; a database that is away is asked again at the next."""
        while True:
            await asyncio.sleep(self._poll.total_seconds())
            await self._try_to_follow()

    async def _try_to_follow(self) -> None:
        try:
            await self.follow()
        except (DomainError, CannotDecryptError) as error:
            _log.warning("signing keys cannot be followed", reason=str(error))

    def _wanted(self, table: KeyTable) -> list[Algorithm]:
        return [self._default, *sorted(table.asked - {self._default})]

    def _take(self, table: KeyTable) -> None:
        self._keys = {key.kid: self._load(key) for key in table.keys}

    def _load(self, stored: StoredKey) -> _Loaded:
        before = self._keys.get(stored.kid)
        if before is not None and before.stored == stored:
            return before
        try:
            private_key = from_der(self._cipher.decrypt(stored.private_key, stored.kid.encode()))
        except CannotDecryptError as error:
            raise CannotDecryptError(f"{stored.kid} {error}") from error
        jwk = cast("Jwk", json.loads(stored.public_jwk))
        public_key = cast("PublicKey", PyJWK(jwk).key)
        return _Loaded(
            stored,
            SigningKey(stored.kid, stored.algorithm, private_key),
            VerifyingKey(stored.kid, stored.algorithm, public_key),
            jwk,
        )

    def _default_algorithm(self, signing: list[StoredKey], now: Micros) -> Algorithm:
        ours = [key for key in signing if key.algorithm == self._default]
        first = min((key.announce_time for key in ours), default=now + 1)
        if now - first >= self._lifecycle.announce:
            return self._default
        before = [key.algorithm for key in signing if key.announce_time < first]
        return before[-1] if before else self._default
