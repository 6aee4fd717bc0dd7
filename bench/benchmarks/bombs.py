"""compressed messages that inflate beyond the limit: the memory they take, who else waits."""

import asyncio
import gzip
import os
import zlib
from collections.abc import Mapping, Sequence
from itertools import cycle, islice
from typing import NamedTuple

import grpc
from grpc_health.v1 import health_pb2

from bench.benchmark import Options, check_equal
from bench.measure import Figure, Series, Target
from bench.product_server import SERVICE, product_server
from runtime.testing.bystander import Bystander
from runtime.testing.http2 import Http2Connection, message
from runtime.testing.process_memory import ProcessMemory

MIB = 2**20
ZEROS_MIB = 2048
NOISE_MIB = 300
AT_ONCE = 100

GZIP = [("grpc-encoding", "gzip")]
# grpcio takes no compressed message; ImportProducts refuses who has no token.
REFUSED = {
    code.value[0] for code in (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.UNAUTHENTICATED)
}
HEALTH = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
# One method of each kind, none with a token.
UNARY = f"/{SERVICE}/GetProduct"
SERVER_STREAM = f"/{SERVICE}/StreamProducts"
CLIENT_STREAM = f"/{SERVICE}/ImportProducts"
BIDIRECTIONAL = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
PATHS = (UNARY, SERVER_STREAM, CLIENT_STREAM, BIDIRECTIONAL, f"/{HEALTH}/Check")
# The native engine hands these to an inner grpcio, which takes no compressed message.
HANDED_ON = (CLIENT_STREAM, BIDIRECTIONAL)


class Attack(NamedTuple):
    """What bombs did to a server: the memory that each took, and the wait of a bystander."""

    mebibytes: float
    p99: float


async def run(options: Options) -> Sequence[Figure]:
    """Send each bomb through each kind of RPC, and many at once."""
    options.report("making bombs")
    bombs = {"2 GiB of zeros": _zeros(ZEROS_MIB), "300 MiB of noise": _noise(NOISE_MIB)}
    sides = {"grpcio": PATHS, "native": HANDED_ON}
    return [
        figure
        for engine, paths in sides.items()
        for figure in await _attacked(options, engine, paths, bombs)
    ]


async def _attacked(
    options: Options, engine: str, paths: Sequence[str], bombs: Mapping[str, bytes]
) -> list[Figure]:
    figures: list[Figure] = []
    async with product_server(options.folder, engine) as server:
        for name, bomb in bombs.items():
            options.report(f"{engine}: {name}")
            one_by_one = [
                await _attack(server.address, server.process.pid, [path], bomb) for path in paths
            ]
            figures += _figures(f"{name}, the worst kind of RPC", engine, one_by_one)
        options.report(f"{engine}: {AT_ONCE} at once")
        many = list(islice(cycle(paths), AT_ONCE))
        zeros = next(iter(bombs.values()))
        attack = await _attack(server.address, server.process.pid, many, zeros)
        figures += _figures(f"{AT_ONCE} at once, each", engine, [attack])
    return figures


async def _attack(address: str, pid: int, paths: Sequence[str], bomb: bytes) -> Attack:
    """Send a bomb through each of the paths at once; it must be refused."""
    memory = ProcessMemory(pid)
    body = message(bomb, flag=1)
    memory.forget_peak()
    before = memory.resident()
    # The bombs in a thread of their own: what the bystander waits for is the server.
    async with Bystander.calling(address, f"/{HEALTH}/Check") as bystander:
        statuses = await asyncio.to_thread(asyncio.run, _send(address, paths, body))
    check_equal("statuses of bombs that were let in", statuses - REFUSED, set())
    grown = max(0, memory.peak() - before)
    return Attack(grown / MIB / len(paths), bystander.percentile(0.99))


async def _send(address: str, paths: Sequence[str], body: bytes) -> set[int]:
    return set(await asyncio.gather(*(_send_one(address, path, body) for path in paths)))


async def _send_one(address: str, path: str, body: bytes) -> int:
    async with Http2Connection.open(address) as connection:
        return (await connection.request(path, body, GZIP)).grpc_status


def _figures(name: str, engine: str, attacks: Sequence[Attack]) -> list[Figure]:
    most = max(attack.mebibytes for attack in attacks)
    slowest = max(attack.p99 for attack in attacks)
    return [
        Figure(
            f"memory: {name}", Series(engine, f"MiB, {engine}", (most,)), None, Target("below", 16)
        ),
        Figure(
            f"bystander's p99: {name}",
            Series(engine, f"ms, {engine}", (slowest * 1000,)),
            None,
            Target("below", 100),
        ),
    ]


def _zeros(mebibytes: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    parts = [packer.compress(bytes(MIB)) for _ in range(mebibytes)]
    return b"".join([*parts, packer.flush()])


def _noise(mebibytes: int) -> bytes:
    return gzip.compress(os.urandom(mebibytes * MIB), compresslevel=1)
