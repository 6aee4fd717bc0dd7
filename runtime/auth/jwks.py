"""The issuer's keys, kept: fetched once for all who wait, and used while it is away."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn

from runtime.auth.issuer import Issuer, IssuerError, max_age
from runtime.auth.jwk import JwkError, Key, KeyId, parse_jwks
from runtime.auth.refresh import AwayError, Refresh
from runtime.backoff import Backoff
from runtime.logs import get_logger

log = get_logger(__name__)

type OnRemoved = Callable[[frozenset[Key]], None]


@dataclass(frozen=True, slots=True)
class JwksLimits:
    """How old the keys may be, in seconds, and how often an unknown `kid` may ask for more.

    So many at once may, and then one in `unknown_kid_seconds`, as often as one alone may ask again.
    The issuer's `max-age` is kept within `min_fresh` and `max_fresh`. Keys older than
    `max_stale` are not used: an issuer that is away cannot say that a key was stolen.
    """

    min_fresh: float = 5.0
    default_fresh: float = 300.0
    max_fresh: float = 3600.0
    max_stale: float = 24 * 3600.0
    unknown_kid_burst: int = 10
    unknown_kid_seconds: float = 5.0


class Jwks:
    """An asynchronous cache of an issuer's JWK set.

    Fresh keys are used as they are. Stale ones are used too, while new ones are fetched behind
    the caller's back. Only a `kid` that nobody has seen makes its caller wait, at a limited rate;
    who sends one again and again that there is no more uses up nobody else's part of that.
    `fresh_until` is on the clock `monotonic`.
    """

    def __init__(
        self,
        issuer: Issuer,
        *,
        limits: JwksLimits | None = None,
        backoff: Backoff | None = None,
        on_removed: OnRemoved = lambda _: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._limits = limits or JwksLimits()
        self._on_removed = on_removed
        self._monotonic = monotonic
        self._refresh = Refresh("keys", self._fetch, backoff=backoff, monotonic=monotonic)
        self._budget = _Budget(
            self._limits.unknown_kid_burst, self._limits.unknown_kid_seconds, monotonic
        )
        self._looked_for = _Recent(self._limits.unknown_kid_seconds, monotonic)
        self._keys: Mapping[KeyId, Key] = {}
        self._told: frozenset[str] = frozenset()
        self.fresh_until = self._stale_until = float("-inf")

    async def find(self, kid: str, alg: str) -> Key | None:
        """Return the key, None where the issuer has none such. AwayError where it cannot say."""
        asked = self._monotonic()
        began = float("-inf")
        if asked >= self._stale_until:
            began = await self._refresh.now()
        elif asked >= self.fresh_until:
            self._refresh.in_background()
        # What was fetched before we asked says nothing of a key that is not in it.
        while (key := self._keys.get((kid, alg))) is None and began < asked:
            joined = self._refresh.is_running
            if not joined:
                if kid in self._looked_for:
                    return None
                self._budget.take()
            began = await self._refresh.now()
            if not joined:
                self._looked_for.add(kid)
        return key

    async def keep_fresh(self) -> NoReturn:
        """Fetch the keys whenever they are stale. AwayError once they may be used no more."""
        while True:
            seconds = self.fresh_until - self._monotonic()
            if seconds <= 0:
                try:
                    await self._refresh.now()
                except AwayError as error:
                    if self._monotonic() >= self._stale_until:
                        raise
                    seconds = error.retry_after.total_seconds()
            await asyncio.sleep(seconds)

    async def close(self) -> None:
        """Give up a fetch that runs."""
        await self._refresh.close()

    async def _fetch(self) -> None:
        began = self._monotonic()
        try:
            answer = await self._issuer.get(await self._issuer.endpoint("jwks_uri"))
        except IssuerError:
            self._issuer.forget()
            raise
        try:
            keys, problems = parse_jwks(answer.body)
        except JwkError as error:
            raise IssuerError(f"jwks_uri of {self._issuer.url}: {error}") from error
        for problem in set(problems) - self._told:
            log.warning("key left out", issuer=self._issuer.url, reason=problem)
        self._told = frozenset(problems)
        self._keep(keys, began, max_age(answer.cache_control))

    def _keep(self, keys: Mapping[KeyId, Key], began: float, age: float | None) -> None:
        limits = self._limits
        fresh = limits.default_fresh if age is None else age
        self.fresh_until = began + min(max(fresh, limits.min_fresh), limits.max_fresh)
        self._stale_until = began + limits.max_stale
        removed = frozenset(self._keys.values()) - frozenset(keys.values())
        self._keys = keys
        if removed:
            self._on_removed(removed)


class _Budget:
    """Lets a few through at once, then one in a while (a token bucket)."""

    def __init__(self, burst: int, seconds: float, monotonic: Callable[[], float]) -> None:
        self._burst = burst
        self._seconds = seconds
        self._monotonic = monotonic
        self._full_at = float("-inf")

    def take(self) -> None:
        """Take one; AwayError where none is left."""
        now = self._monotonic()
        full_at = max(now, self._full_at) + self._seconds
        over = full_at - now - self._burst * self._seconds
        if over > 0:
            message = "too many unknown keys were asked for"
            raise AwayError(message, timedelta(seconds=over))
        self._full_at = full_at


class _Recent:
    """What was added within the last seconds; no more than a _Budget lets through."""

    def __init__(self, seconds: float, monotonic: Callable[[], float]) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._ends: dict[str, float] = {}

    def __contains__(self, name: str) -> bool:
        return self._monotonic() < self._ends.get(name, float("-inf"))

    def add(self, name: str) -> None:
        now = self._monotonic()
        self._ends = {each: end for each, end in self._ends.items() if now < end}
        self._ends[name] = now + self._seconds
