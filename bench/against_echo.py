"""Calls to a server under load, to a bare grpc.aio echo that answers with as many bytes."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from google.protobuf.wrappers_pb2 import StringValue

from bench import echo_server
from bench.benchmark import Options, check_equal
from bench.load import Call, Load, framed, h2load, write_body
from bench.measure import Figure, Series, Target, in_turns
from bench.process import Process, listening

CLIENTS, STREAMS = 4, 32
WARM_UP_REQUESTS = 2_000


class Reached(NamedTuple):
    """What a side reached in a round."""

    rate: float
    cpu_micros: float


class Limits(NamedTuple):
    """How much of the echo's CPU a call may take on each engine."""

    native: Target
    grpcio: Target


@dataclass(slots=True)
class Side:
    """A server under load. `check` is told how many calls were made."""

    process: Process
    call: Call
    response_bytes: int
    check: Callable[[int], Awaitable[None]]
    rate: float = 0.0
    token: str | None = None

    async def load(self, options: Options, requests: int) -> Load:
        """Make the requests; all of them must bring the same bytes."""
        load = await h2load(
            options.h2load,
            self.process.address,
            self.call,
            requests=requests,
            clients=CLIENTS,
            streams=STREAMS,
            token=self.token,
        )
        expected = requests * self.response_bytes
        check_equal(f"{self.call.path}: bytes of the responses", load.data_bytes, expected)
        await self.check(requests)
        self.rate = load.rate
        return load

    async def run(self, options: Options) -> Reached:
        """Make as many requests as should take the time that a round has."""
        requests = max(WARM_UP_REQUESTS, round(self.rate * options.seconds))
        before = self.process.cpu_seconds()
        load = await self.load(options, requests)
        used = self.process.cpu_seconds() - before
        return Reached(load.rate, used / requests * 1e6)


async def measure(
    options: Options, method: str, servers: dict[str, Side], limits: Limits
) -> Sequence[Figure]:
    """Measure both engines, "native" and "grpcio", and the echo in turns."""
    async with AsyncExitStack() as stack:
        echo = await stack.enter_async_context(listening("bench.echo_server"))
        sides = servers | {"echo": _echo_side(options, echo, servers["native"].response_bytes)}
        for side in sides.values():
            await side.load(options, WARM_UP_REQUESTS)
        runs = {name: partial(side.run, options) for name, side in sides.items()}
        return _figures(method, await in_turns(runs, options.rounds, options.report), limits)


def _echo_side(options: Options, echo: Process, response_bytes: int) -> Side:
    """Let the echo answer with as many bytes as GetProduct does."""
    # A message of more than 127 bytes: the frame's five bytes, a tag, two bytes of length.
    message = StringValue(value="x" * (response_bytes - 8)).SerializeToString()
    check_equal("bytes of the echo", len(framed(message)), response_bytes)
    file = write_body(options.folder / "echo.body", [message])
    call = Call(f"/{echo_server.SERVICE}/{echo_server.METHOD}", file)
    return Side(echo, call, response_bytes, _trust)


async def _trust(_calls: int) -> None:
    """Ask nothing more: the bytes of the echo have shown that all calls were answered."""


def _figures(method: str, reached: dict[str, tuple[Reached, ...]], limits: Limits) -> list[Figure]:
    def rates(side: str) -> Series:
        return Series(side, "calls/s", tuple(each.rate for each in reached[side]))

    def cpu(side: str) -> Series:
        return Series(side, "µs", tuple(each.cpu_micros for each in reached[side]))

    return [
        Figure(f"{method} native, to bare echo", rates("native"), rates("echo")),
        Figure(f"{method} grpcio, to bare echo", rates("grpcio"), rates("echo")),
        Figure("CPU a call native, to bare echo", cpu("native"), cpu("echo"), limits.native),
        Figure("CPU a call grpcio, to bare echo", cpu("grpcio"), cpu("echo"), limits.grpcio),
    ]
