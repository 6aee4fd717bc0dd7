"""Kills the parts of a shop at random, and can do so again."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from random import Random

from e2e.shop.running import RunningShop

# Too short for a part that was killed to be back, or long enough for all to be at work again: some
# of the next are met in the middle of their start, and others in the middle of a write.
_PAUSES_SECONDS = ((0.0, 1.0), (2.0, 6.0))


class Killer:
    """Kills each part once a round, in an order and after pauses that the dice decide."""

    def __init__(self, shop: RunningShop, dice: Random) -> None:
        self.kills: Counter[str] = Counter()
        self._shop = shop
        self._dice = dice

    async def kill_for(self, duration: timedelta) -> None:
        """Kill until the time is over, and every part once at the least."""
        loop = asyncio.get_running_loop()
        end = loop.time() + duration.total_seconds()
        for pause, name in victims(self._shop.names, self._dice):
            await asyncio.sleep(pause)
            if loop.time() >= end and len(self.kills) == len(self._shop.names):
                return
            await self._shop.alive(name)
            await self._shop.kill(name)
            self.kills[name] += 1


def victims(names: Sequence[str], dice: Random) -> Iterator[tuple[float, str]]:
    """Choose without end: for how many seconds to wait, and whom to kill then."""
    while True:
        for name in dice.sample(names, len(names)):
            yield dice.uniform(*dice.choice(_PAUSES_SECONDS)), name
