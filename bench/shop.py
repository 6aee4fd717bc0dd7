"""The shop, or some of its parts, as its own supervisor runs them; but without a screen."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from google.protobuf.descriptor import ServiceDescriptor

from bench.benchmark import WrongResultError
from bench.process import Process, program
from bench.served import TIMEOUT
from runtime.auth.issuer import Issuer
from runtime.auth.token_source import Client, TokenSource
from runtime.client import Channel, connect
from tools.shop.folder import locked
from tools.shop.keeper import Timing
from tools.shop.part import Part, Port
from tools.shop.parts import PARTS
from tools.shop.ports import choose
from tools.shop.programs import Program
from tools.shop.status import Status
from tools.shop.supervisor import Supervisor

START_SECONDS = 60


class Shop:
    """Parts that all are healthy."""

    def __init__(
        self, statuses: Sequence[Status], addresses: Mapping[Port, str], data: Path
    ) -> None:
        self._by_name = {status.part.name: status for status in statuses}
        self._addresses = addresses
        self._data = data

    @property
    def processes(self) -> dict[str, Process]:
        """The process of each part; WrongResultError where one is not the first of its part."""
        return {name: _process(status) for name, status in self._by_name.items()}

    def address(self, name: str) -> str:
        """Return where a part listens."""
        return self._by_name[name].address

    def metrics(self, name: str) -> str:
        """Return where a part tells its metrics."""
        return self._addresses[self._by_name[name].part.metrics]

    def tokens(self, client_id: str, resource: str, *scopes: str) -> TokenSource:
        """Return the tokens of one of the shop's own clients."""
        secret = self._data / "clients" / f"{client_id}.secret"
        issuer = Issuer(f"http://{self.address('identity')}")
        return TokenSource(issuer, Client(client_id, secret, resource, frozenset(scopes)))

    def channel(
        self, name: str, service: ServiceDescriptor, tokens: TokenSource | None = None
    ) -> Channel:
        """Return a channel to a server."""
        return connect(self.address(name), service, timeout=TIMEOUT, tokens=tokens)


@asynccontextmanager
async def running_shop(
    folder: Path, parts: Sequence[Part] = PARTS, env: Mapping[str, str] | None = None
) -> AsyncIterator[Shop]:
    """Run the parts on free ports, with their data in the folder; `env` is for all of them."""
    addresses = choose(parts, "auto", {})
    try:
        with locked(folder) as data:
            supervisor = Supervisor(
                parts,
                programs=lambda part: _program(part, env or {}),
                addresses=addresses,
                data=data,
                cwd=data,
                timing=Timing(),
                on_change=lambda _: None,
            )
            async with supervisor.running():
                await _healthy(supervisor.statuses)
                yield Shop(supervisor.statuses, addresses, data)
    except ExceptionGroup as group:
        # The supervisor's tasks are a group, and what the block raises leaves it as one.
        match group.exceptions:
            case (WrongResultError() as error,):
                raise error from None
        raise


def _program(part: Part, env: Mapping[str, str]) -> Program:
    command, environment = program(part.binary.replace("/", "."))
    return Program(command, {**environment, **env})


async def _healthy(statuses: Iterable[Status]) -> None:
    for status in statuses:
        try:
            async with asyncio.timeout(START_SECONDS):
                await status.ready.wait()
        except TimeoutError:
            why = f"{status.part.name} is not healthy: {status.last_error or status.answer}"
            raise WrongResultError(why) from None


def _process(status: Status) -> Process:
    if status.pid is None or status.restarts:
        raise WrongResultError(f"{status.part.name} died: {status.last_error}")
    return Process(status.address, status.pid)
