"""Makes and deletes signing keys, whichever replica does it and however many try."""

import asyncio
import json
from collections.abc import Collection

from identity.audit import Outcome, audit
from identity.keys.algorithms import Algorithm, generate, public_jwk, to_der
from identity.keys.key_cipher import KeyCipher
from identity.keys.key_lifecycle import Lifecycle, StoredKey, Turn, newest_key
from identity.keys.key_store import KeyStore
from runtime.clock import Clock, Micros


class KeyRotation:
    """Keeps the table of keys as the lifecycle wants it."""

    def __init__(
        self,
        store: KeyStore,
        cipher: KeyCipher,
        lifecycle: Lifecycle,
        *,
        token_lifetime: Micros,
        clock: Clock,
    ) -> None:
        self._store = store
        self._cipher = cipher
        self._lifecycle = lifecycle
        self._token_lifetime = token_lifetime
        self._clock = clock

    async def keep(self, keys: Collection[StoredKey], wanted: Collection[Algorithm]) -> bool:
        """Announce what is due and delete what is over; return whether anything changed."""
        now = self._clock()
        turns = [self._lifecycle.due(algorithm, keys, now) for algorithm in wanted]
        for turn in turns:
            if turn is not None:
                await self.make(turn)
        too_short = any(key.token_lifetime < self._token_lifetime for key in keys)
        if too_short:
            await self._store.raise_token_lifetime(self._token_lifetime)
        over = self._over(tuple(keys), wanted, now)
        if over:
            await self.delete(over, reason="expired")
        return any(turns) or too_short or bool(over)

    async def make(self, turn: Turn) -> bool:
        """Make a key and announce it; False where another replica was first."""
        key = await asyncio.to_thread(generate, turn.algorithm)
        jwk = public_jwk(key, turn.algorithm)
        kid = jwk["kid"]
        added = await self._store.add(
            StoredKey(
                kid=kid,
                algorithm=turn.algorithm,
                generation=turn.generation,
                public_jwk=json.dumps(jwk),
                private_key=self._cipher.encrypt(to_der(key), kid.encode()),
                announce_time=self._clock(),
                sign_time=turn.sign_time,
                token_lifetime=self._token_lifetime,
            )
        )
        if added:
            audit("key.announce", Outcome.SUCCESS, kid=kid, algorithm=turn.algorithm)
        return added

    async def rotate(self, algorithm: Algorithm, *, at_once: bool = False) -> None:
        """Announce a successor before its time, where none is; `at_once`: it also signs now."""
        now = self._clock()
        keys = (await self._store.read()).keys
        newest = newest_key(algorithm, keys)
        if newest is not None and newest.sign_time > now:
            if at_once:
                await self._store.sign_from(newest.kid, now)
                audit("key.rotate", Outcome.SUCCESS, kid=newest.kid, reason="at once")
            return
        generation = newest.generation + 1 if newest else 1
        sign_time = now if at_once or newest is None else now + self._lifecycle.announce
        await self.make(Turn(algorithm, generation, sign_time))

    async def delete(self, kids: Collection[str], *, reason: str) -> list[str]:
        """Delete keys, whose tokens are good for nothing from then on."""
        deleted = await self._store.remove(kids)
        for kid in deleted:
            audit("key.delete", Outcome.SUCCESS, kid=kid, reason=reason)
        return deleted

    def _over(
        self, keys: tuple[StoredKey, ...], wanted: Collection[Algorithm], now: Micros
    ) -> list[str]:
        times = {
            key.kid: self._lifecycle.delete_time(key, keys, key.algorithm in wanted) for key in keys
        }
        return [kid for kid, time in times.items() if time is not None and time <= now]
