"""GetProduct through the whole chain, to a bare grpc.aio echo."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from google.protobuf.wrappers_pb2 import StringValue

from bench import echo_server
from bench.benchmark import Options, check_equal
from bench.catalogue import batches, drafts
from bench.load import Call, Load, framed, h2load, write_body
from bench.measure import Figure, Series, Target, in_turns
from bench.process import Process, listening
from bench.product_server import ProductServer, product_server, write_call
from bodega.product.v1 import product_pb2

PRODUCTS = 10_000
CLIENTS, STREAMS = 4, 32
WARM_UP_REQUESTS = 2_000


class Reached(NamedTuple):
    """What a side reached in a round."""

    rate: float
    cpu_micros: float


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


async def run(options: Options) -> Sequence[Figure]:
    """Measure both engines and the echo in turns."""
    async with AsyncExitStack() as stack:
        sides: dict[str, Side] = {}
        for engine in ("native", "grpcio"):
            folder = options.folder / engine
            server = await stack.enter_async_context(product_server(folder, engine))
            sides[engine] = await product_side(options, server)
        echo = await stack.enter_async_context(listening("bench.echo_server"))
        sides["echo"] = _echo_side(options, echo, sides["native"].response_bytes)
        for side in sides.values():
            await side.load(options, WARM_UP_REQUESTS)
        runs = {name: partial(side.run, options) for name, side in sides.items()}
        return _figures(await in_turns(runs, options.rounds, options.report))


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


async def product_side(options: Options, server: ProductServer) -> Side:
    """Fill the catalogue, and return GetProduct of one of its products."""
    chunks = batches(drafts(PRODUCTS), 200)
    import_call = write_call(options.folder / f"{server.address}.import", "ImportProducts", chunks)
    await h2load(options.h2load, server.address, import_call, token=server.token)
    check_equal("products imported", await server.count(), PRODUCTS)
    page = await server.stub.ListProducts(product_pb2.ListProductsRequest(page_size=1))
    request = product_pb2.GetProductRequest(id=page.products[0].id)
    response = product_pb2.GetProductResponse(product=page.products[0])

    check_equal("GetProduct", await server.stub.GetProduct(request), response)
    counted = 1

    async def check(calls: int) -> None:
        nonlocal counted
        counted += calls
        check_equal("GetProduct, counted", await server.handled("GetProduct"), {"OK": counted})
        check_equal("GetProduct", await server.stub.GetProduct(request), response)
        counted += 1

    file = options.folder / f"{server.address}.body"
    call = write_call(file, "GetProduct", [request.SerializeToString()])
    return Side(server.process, call, len(framed(response.SerializeToString())), check)


def _figures(reached: dict[str, tuple[Reached, ...]]) -> list[Figure]:
    def rates(side: str) -> Series:
        return Series(side, "calls/s", tuple(each.rate for each in reached[side]))

    def cpu(side: str) -> Series:
        return Series(side, "µs", tuple(each.cpu_micros for each in reached[side]))

    return [
        Figure(
            "GetProduct native, to bare echo",
            rates("native"),
            rates("echo"),
            Target("at least", 3.0),
        ),
        Figure(
            "GetProduct grpcio, to bare echo",
            rates("grpcio"),
            rates("echo"),
            Target("at least", 0.75),
        ),
        Figure("CPU a call native, to bare echo", cpu("native"), cpu("echo")),
        Figure("CPU a call grpcio, to bare echo", cpu("grpcio"), cpu("echo")),
    ]
