"""One run: a shop under load, its parts killed at random, and what is left of it afterwards."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from e2e.shop.chaos.dice import dice
from e2e.shop.chaos.killer import Killer
from e2e.shop.chaos.ledger import Ledger
from e2e.shop.chaos.load import load_of
from e2e.shop.chaos.servers import connected
from e2e.shop.chaos.serving import serves
from e2e.shop.chaos.verdict import lost_or_doubled
from e2e.shop.running import BUSY, RunningShop, running_shop
from tools.shop.status import Status
from tools.shop.summary import ending_faults


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run has come to. Without a fault, all that was acknowledged is there, once."""

    kills: Mapping[str, int]
    ledger: Ledger
    faults: Sequence[str]


async def run(data: Path, duration: timedelta, seed: int) -> Outcome:
    """Run a shop in an empty folder, and kill its parts for so long; the seed decides which.

    The same seed kills in the same order after the same pauses; what a kill meets, and what is
    sent again because of it, depends on the machine.
    """
    ledger = Ledger()
    async with running_shop(data, BUSY) as shop:
        await shop.healthy()
        async with connected(shop) as servers:
            load = await load_of(shop, servers, ledger, seed)
            killer = Killer(shop, dice(seed, "killer"))
            async with load.running():
                await killer.kill_for(duration)
                await _recovers(shop, ledger)
            await serves(shop, servers, load, ledger)
        ledger.faults += _part_faults(shop.statuses, killer.kills)
    faults = [*ledger.faults, *ending_faults(shop.statuses), *lost_or_doubled(data, ledger)]
    return Outcome(killer.kills, ledger, faults)


async def _recovers(shop: RunningShop, ledger: Ledger) -> None:
    """See that all parts become healthy without help."""
    try:
        await shop.healthy()
    except AssertionError as error:
        ledger.faults.append(f"the shop does not recover: {error}")


def _part_faults(statuses: Sequence[Status], kills: Mapping[str, int]) -> Iterator[str]:
    """Say which parts died by another hand than ours, or called another's death an error."""
    for status in statuses:
        name = status.part.name
        if status.log.errors:
            text = status.log.last_error.text if status.log.last_error else ""
            yield f"{name} logged {status.log.errors} errors, last: {text}"
        if status.restarts != kills[name]:
            said = f", last with: {status.last_error.text}" if status.last_error else ""
            yield f"{name} was killed {kills[name]} times, and died {status.restarts} times{said}"
