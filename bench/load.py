"""Load from h2load: a client in C, so that it is the server that is measured."""

import asyncio
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from bench.benchmark import WrongResultError, check_equal

LIMIT_SECONDS = 300

_FINISHED = re.compile(r"^finished in ([0-9.]+)(us|ms|s), ([0-9.]+) req/s", re.MULTILINE)
_REQUESTS = re.compile(r"^requests: .* ([0-9]+) done, ([0-9]+) succeeded", re.MULTILINE)
_DATA = re.compile(r"\(([0-9]+)\) data$", re.MULTILINE)
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclass(frozen=True, slots=True)
class Load:
    """What h2load reached. `data_bytes` are those of the responses' bodies."""

    seconds: float
    rate: float
    succeeded: int
    data_bytes: int


@dataclass(frozen=True, slots=True)
class Form:
    """An HTTP request to make again and again: a POST of the file `body`, a GET without one."""

    path: str
    body: Path | None = None
    headers: dict[str, str] = field(default_factory=dict)


class Call(NamedTuple):
    """An RPC to make again and again: its path, and a file with the body of its request."""

    path: str
    body: Path


def framed(message: bytes) -> bytes:
    """Return a message as it stands in the body of an RPC: not compressed, its length, itself."""
    return struct.pack(">?I", False, len(message)) + message


def write_body(file: Path, messages: Iterable[bytes]) -> Path:
    """Write the body of a request that holds these messages."""
    with file.open("wb") as body:
        body.writelines(map(framed, messages))
    return file


async def h2load(
    program: Path,
    address: str,
    call: Call,
    *,
    requests: int = 1,
    clients: int = 1,
    streams: int = 1,
    token: str | None = None,
) -> Load:
    """Make the requests over `clients` connections with up to `streams` RPCs at once on each.

    Raises WrongResultError unless all of them were answered with HTTP status 200. The status of
    the RPC stands in the trailers, which h2load does not read: the caller asks the server.
    """
    return await _load(
        program,
        call.path,
        requests,
        *(f"--requests={requests}", f"--clients={clients}", f"--max-concurrent-streams={streams}"),
        *("--header=content-type: application/grpc", "--header=te: trailers"),
        *(() if token is None else (f"--header=authorization: Bearer {token}",)),
        f"--data={call.body}",
        f"http://{address}{call.path}",
    )


async def h2load_forms(
    program: Path, address: str, form: Form, *, requests: int, clients: int
) -> Load:
    """Make the requests over `clients` connections of HTTP/1.1, one at a time on each.

    Raises WrongResultError unless all of them were answered with an HTTP status 2xx.
    """
    return await _load(
        program,
        form.path,
        requests,
        *("--h1", f"--requests={requests}", f"--clients={clients}"),
        *(f"--header={name}: {value}" for name, value in form.headers.items()),
        *(() if form.body is None else (f"--data={form.body}",)),
        f"http://{address}{form.path}",
    )


async def _load(program: Path, path: str, requests: int, *flags: str) -> Load:
    process = await asyncio.create_subprocess_exec(
        program,
        *flags,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    load = parse(output.decode(errors="replace"))
    check_equal(f"h2load {path}: requests that succeeded", load.succeeded, requests)
    return load


def parse(output: str) -> Load:
    """Read the summary that h2load prints."""
    finished, requests = _FINISHED.search(output), _REQUESTS.search(output)
    data = _DATA.search(output)
    if finished is None or requests is None or data is None:
        raise WrongResultError(f"h2load said:\n{output}")
    return Load(
        seconds=float(finished[1]) * _SECONDS[finished[2]],
        rate=float(finished[3]),
        succeeded=int(requests[2]),
        data_bytes=int(data[1]),
    )
