"""Answers by key: from memory while they are fresh, else fetched once for all who ask."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextvars import Context, copy_context
from typing import NamedTuple

from cart.pricing.metrics import LookupCounts
from cart.pricing.ttl_cache import Answer, FreshCache
from runtime.call import current_call
from runtime.errors import Unavailable

# What Product and Discount answer at once.
BATCH = 200

type Fetch[K, V] = Callable[[list[K]], Awaitable[Mapping[K, Answer[V]]]]


class Found[K, V](NamedTuple):
    """What is known; `failure` says why other keys are missing."""

    values: dict[K, V]
    failure: Unavailable | None


class Lookup[K, V]:
    """Asks for each key once at a time, and for keys that are wanted at the same moment together.

    `fetch` answers a batch: a key that it leaves out is one that it could not answer. It runs in
    a task of its own: who gives up waiting does not take the answer from the others.
    """

    def __init__(
        self,
        fetch: Fetch[K, V],
        *,
        unanswered: Unavailable,
        counts: LookupCounts,
        size: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._unanswered = unanswered
        self._counts = counts
        self._monotonic = monotonic
        self._cache: FreshCache[K, V] = FreshCache(size)
        self._boarding: _Flight[K, V] | None = None
        self._flights: dict[K, _Flight[K, V]] = {}
        self._tasks: set[asyncio.Task[Outcome[K, V]]] = set()

    async def get(self, keys: Collection[K]) -> Found[K, V]:
        """Return the values of the keys."""
        found = Found[K, V]({}, None)
        flights: dict[_Flight[K, V], list[K]] = {}
        now = self._monotonic()
        for key in keys:
            if (kept := self._cache.get(key, now)) is not None:
                self._counts.hits.inc()
                found.values[key] = kept.value
            else:
                flights.setdefault(self._flight_of(key), []).append(key)
        for flight, wanted in flights.items():
            found = _with(found, wanted, await asyncio.shield(flight.task), self._unanswered)
        return found

    def forget(self, key: K) -> None:
        """Use no answer that was asked for before now."""
        self._cache.drop(key)
        self._flights.pop(key, None)

    def end_within(self, seconds: float) -> None:
        """Use no answer that is known now for longer than that."""
        self._cache.end_by(self._monotonic() + seconds)

    async def close(self) -> None:
        """Give up what is under way."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _flight_of(self, key: K) -> _Flight[K, V]:
        """Return the flight that brings the key; where there is none, put it on the next one."""
        flight = self._flights.get(key)
        if flight is not None:
            self._counts.joined.inc()
            return flight
        self._counts.misses.inc()
        flight = self._boarding
        if flight is None or len(flight.keys) == BATCH:
            flight = self._boarding = self._begin()
        flight.keys.append(key)
        self._flights[key] = flight
        return flight

    def _begin(self) -> _Flight[K, V]:
        flight = _Flight[K, V]()
        flight.task = asyncio.create_task(self._fly(flight), context=_detached())
        self._tasks.add(flight.task)
        flight.task.add_done_callback(self._landed)
        return flight

    async def _fly(self, flight: _Flight[K, V]) -> Outcome[K, V]:
        # Who asks in the same moment comes along.
        await asyncio.sleep(0)
        if self._boarding is flight:
            self._boarding = None
        began = self._monotonic()
        try:
            answers = await self._fetch(flight.keys)
            for key, answer in answers.items():
                if self._flights.get(key) is flight and answer.life > 0:
                    self._cache.put(key, answer.value, began + answer.life)
        except Unavailable as failure:
            return failure
        else:
            return answers
        finally:
            for key in flight.keys:
                if self._flights.get(key) is flight:
                    del self._flights[key]

    def _landed(self, task: asyncio.Task[Outcome[K, V]]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            # Looked at here, because nobody may be left who waits for it.
            task.exception()


class _Flight[K, V]:
    """Keys that are fetched together."""

    def __init__(self) -> None:
        self.keys: list[K] = []
        self.task: asyncio.Task[Outcome[K, V]]


type Outcome[K, V] = Mapping[K, Answer[V]] | Unavailable


def _detached() -> Context:
    """Return the context of now without the RPC that is served: its deadline is only its own."""
    context = copy_context()
    context.run(current_call.set, None)
    return context


def _with[K, V](
    found: Found[K, V], wanted: list[K], outcome: Outcome[K, V], unanswered: Unavailable
) -> Found[K, V]:
    """Add what a flight brought."""
    if isinstance(outcome, Unavailable):
        return found._replace(failure=outcome)
    answered = {key: outcome[key].value for key in wanted if key in outcome}
    failure = found.failure if len(answered) == len(wanted) else unanswered
    return Found(found.values | answered, failure)
