"""The load on the shop: independent writers beside its two workers."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Protocol

from grpc import aio

from e2e.shop.chaos.carts import Customer
from e2e.shop.chaos.client import WrongAnswerError
from e2e.shop.chaos.dice import dice
from e2e.shop.chaos.discounts import CodeMaker, Redeemer
from e2e.shop.chaos.ledger import KINDS, OURS, Ledger
from e2e.shop.chaos.products import Creator, Importer
from e2e.shop.chaos.quantities import QuantitySetter
from e2e.shop.chaos.servers import Servers
from e2e.shop.chaos.stock import fill_shelves
from e2e.shop.chaos.tokens import TokenCollector
from e2e.shop.running import PATIENCE, RunningShop

# Between two writes of a writer: it leaves others some of the machine.
_PAUSE_SECONDS = (0.0, 0.15)


class Writer(Protocol):
    """Somebody who uses the shop."""

    name: str

    async def write(self) -> None:
        """Do one thing, and note in the ledger what came of it."""
        ...


class Load:
    """All writers."""

    def __init__(self, writers: Sequence[Writer], ledger: Ledger, dice: Random) -> None:
        self._writers = writers
        self._ledger = ledger
        self._dice = dice
        self._over = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write until the block ends; then see that each writer gets its last answer."""
        tasks = {asyncio.create_task(self._keep_writing(each)): each for each in self._writers}
        try:
            yield
            self._over.set()
            done, waiting = await asyncio.wait(tasks, timeout=PATIENCE.total_seconds())
            for task in waiting:
                self._ledger.faults.append(f"{tasks[task].name} is not answered any more")
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def write_every_kind(self) -> None:
        """Write one after the other, until one more of each kind is acknowledged."""
        before = {kind: self._ledger.counts(kind)[0] for kind in KINDS}
        while any(self._ledger.counts(kind)[0] == before[kind] for kind in KINDS):
            for each in self._writers:
                if not await self._write(each):
                    return

    async def _keep_writing(self, writer: Writer) -> None:
        while not self._over.is_set():
            if not await self._write(writer):
                return
            await asyncio.sleep(self._dice.uniform(*_PAUSE_SECONDS))

    async def _write(self, writer: Writer) -> bool:
        """Return whether the writer may go on."""
        try:
            await writer.write()
        except WrongAnswerError as error:
            self._ledger.faults.append(f"{writer.name} had a wrong answer: {error}")
        except aio.AioRpcError as error:
            code = error.code().name
            self._ledger.faults.append(f"{writer.name} failed: {code}: {error.details()}")
        else:
            return True
        return False


async def load_of(shop: RunningShop, servers: Servers, ledger: Ledger, seed: int) -> Load:
    """Return the writers, each with dice of its own; the shelves are filled for them."""
    stock = await fill_shelves(servers.products, ledger)

    def told(name: str) -> tuple[str, Ledger, Random]:
        return f"{OURS}{name}", ledger, dice(seed, name)

    writers: list[Writer] = [
        Importer(servers.products, *told("importer-1")),
        Importer(servers.products, *told("importer-2")),
        Creator(servers.products, *told("creator")),
        Customer(servers.carts, stock, *told("customer-1")),
        Customer(servers.carts, stock, *told("customer-2")),
        Customer(servers.carts, stock, *told("customer-3")),
        QuantitySetter(servers.carts, stock, *told("quantity")),
        CodeMaker(servers.discounts, stock, *told("codes")),
        Redeemer(servers.redeeming, stock, *told("redeemer-1")),
        Redeemer(servers.redeeming, stock, *told("redeemer-2")),
        TokenCollector(shop, *told("tokens")),
    ]
    return Load(writers, ledger, dice(seed, "pauses"))
