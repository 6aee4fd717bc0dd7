"""The whole shop, run by the shop's own supervisor: real programs, in a folder of their own."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from google.protobuf.descriptor import ServiceDescriptor

from runtime.auth.issuer import Issuer
from runtime.auth.token_source import Client, TokenSource
from runtime.client import Channel, connect
from tools.shop.keeper import Backoff, Timing
from tools.shop.part import Part, Port
from tools.shop.parts import PARTS
from tools.shop.ports import choose
from tools.shop.probe import get
from tools.shop.programs import Program, from_runfiles, from_source
from tools.shop.status import State, Status
from tools.shop.supervisor import Supervisor

# Bazel's tests say runfiles; without Bazel there is but the source.
_PROGRAMS = {"runfiles": from_runfiles, "source": from_source}
# A part that dies often is back at once, so that a test has its time for something else.
_TIMING = Timing(backoff=Backoff(first=0.1, cap=1.0))
PATIENCE = timedelta(seconds=120)

# For running_shop's `env`: the workers at ten times their pace, in a small catalogue.
PRODUCTS_AN_INTERVAL = 200
BUSY = {
    "BODEGA_PRODUCT_WORKER_INTERVAL": "300ms",
    "BODEGA_PRODUCT_WORKER_BATCH": str(PRODUCTS_AN_INTERVAL),
    "BODEGA_PRODUCT_WORKER_CATALOGUE_SIZE": "1000",
    "BODEGA_CART_WORKER_INTERVAL": "50ms",
    "BODEGA_CART_WORKER_VISITS": "3",
}


class RunningShop:
    """A shop that runs."""

    def __init__(
        self,
        supervisor: Supervisor,
        addresses: Mapping[Port, str],
        data: Path,
        changed: asyncio.Condition,
    ) -> None:
        self.data = data
        self._supervisor = supervisor
        self._addresses = addresses
        self._changed = changed
        self._by_name = {status.part.name: status for status in supervisor.statuses}

    @property
    def names(self) -> list[str]:
        """The parts, each after what it needs."""
        return list(self._by_name)

    @property
    def statuses(self) -> list[Status]:
        """What is known of each part."""
        return self._supervisor.statuses

    def address(self, name: str) -> str:
        """Return where a part listens."""
        return self._by_name[name].address

    @property
    def issuer(self) -> str:
        """The issuer of the shop's tokens."""
        return f"http://{self.address('identity')}"

    def database(self, name: str) -> Path:
        """Return the database of a server."""
        return self.data / f"{name}.db"

    def secret_of(self, client_id: str) -> Path:
        """Return the file of a client's secret."""
        return self.data / "clients" / f"{client_id}.secret"

    async def healthy(self, *names: str) -> None:
        """Wait until these parts, or all, are healthy."""
        wanted = [self._by_name[name] for name in names or self.names]
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()), self._changed:
                await self._changed.wait_for(
                    lambda: all(status.state is State.HEALTHY for status in wanted)
                )
        except TimeoutError as error:
            raise AssertionError("\n".join(_described(wanted))) from error

    async def alive(self, name: str) -> None:
        """Wait until a part has a process, healthy or not."""
        status = self._by_name[name]
        async with asyncio.timeout(PATIENCE.total_seconds()), self._changed:
            await self._changed.wait_for(lambda: status.pid is not None)

    async def kill(self, name: str) -> None:
        """End a part as `kill -9` does, and see that it is gone."""
        status = self._by_name[name]
        restarts = status.restarts
        if status.pid is not None:
            os.kill(status.pid, signal.SIGKILL)
        async with asyncio.timeout(PATIENCE.total_seconds()), self._changed:
            await self._changed.wait_for(lambda: status.restarts > restarts)

    @contextmanager
    def paused(self, name: str) -> Iterator[None]:
        """Let a part do nothing for a while."""
        pid = self._by_name[name].pid
        assert pid is not None, f"{name} does not run"
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    async def look(self) -> None:
        """Bring the numbers in `statuses` up to this moment."""
        await self._supervisor.look()

    async def metrics(self, name: str) -> str:
        """Scrape a part."""
        return await get(self._addresses[self._by_name[name].part.metrics], "/metrics")

    def channel(
        self, name: str, service: ServiceDescriptor, tokens: TokenSource | None = None
    ) -> Channel:
        """Return a channel to a server."""
        return connect(self.address(name), service, tokens=tokens)

    def tokens(self, resource: str, *scopes: str, client_id: str = "operator") -> TokenSource:
        """Return the tokens of a client that the shop has made."""
        secret = self.secret_of(client_id)
        return TokenSource(
            Issuer(self.issuer), Client(client_id, secret, resource, frozenset(scopes))
        )


@asynccontextmanager
async def running_shop(
    data: Path,
    env: Mapping[str, str] | None = None,
    *,
    timing: Timing = _TIMING,
    parts: Sequence[Part] = PARTS,
    elsewhere: Mapping[Port, str] | None = None,
) -> AsyncIterator[RunningShop]:
    """Run the shop on free ports until the block ends; `env` is for all of its parts.

    With `parts` it has those alone, and `elsewhere` is where to find what else they call.
    """

    def programs(part: Part) -> Program:
        found = program(part)
        return replace(found, env={**found.env, **(env or {})})

    addresses = {**choose(parts, "auto", {}), **(elsewhere or {})}
    changed = asyncio.Condition()
    told = asyncio.Event()
    supervisor = Supervisor(
        parts,
        programs=programs,
        addresses=addresses,
        data=data,
        cwd=data,
        timing=timing,
        on_change=lambda _: told.set(),
    )
    async with AsyncExitStack() as stack:
        passing_on = asyncio.create_task(_pass_on(told, changed))
        stack.callback(passing_on.cancel)
        await stack.enter_async_context(supervisor.running())
        yield RunningShop(supervisor, addresses, data, changed)


def program(part: Part) -> Program:
    """Find the program of a part."""
    return _PROGRAMS[os.environ["SHOP_PROGRAMS"]](part)


def _described(statuses: Iterable[Status]) -> Iterator[str]:
    """Say how each part is, and what it said last."""
    for status in statuses:
        said = [f"    {line.event} {line.details}" for line in list(status.log.lines)[-5:]]
        yield "\n".join([f"{status.part.name} is {status.state.value}: {status.answer}", *said])


async def _pass_on(told: asyncio.Event, changed: asyncio.Condition) -> None:
    """Wake up whoever waits for a change; who tells of it cannot wait for the lock."""
    while True:
        await told.wait()
        told.clear()
        async with changed:
            changed.notify_all()
