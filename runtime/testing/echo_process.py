"""A server of `Echo` as a process of its own, to be attacked and measured."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from runtime import logs
from runtime.engine import Engine
from runtime.main import run
from runtime.server import Server
from runtime.settings import ServerSettings, load
from runtime.testing.echo import Echo, add_echo, echo_service
from runtime.testing.process_memory import ProcessMemory
from runtime.testing.waiting import PATIENCE_SECONDS

# The first echo service of a process has this name.
SERVICE = "bodega.testing.Echo1Service"


class EchoProcess(NamedTuple):
    """Where the server listens, and what it takes."""

    address: str
    memory: ProcessMemory


@contextmanager
def serving_echo(engine: Engine, *flags: str) -> Iterator[EchoProcess]:
    """Serve while the block runs; at its end the server must still be there, and drain."""
    command = ["-m", __name__, "--listen", "127.0.0.1:0", "--engine", engine, *flags]
    with subprocess.Popen(  # noqa: S603 (our own program)
        [sys.executable, *command],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        address = json.loads(process.stderr.readline())["address"]
        try:
            yield EchoProcess(address, ProcessMemory(process.pid))
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0


async def _serve() -> None:
    logs.configure("info", "json")
    server = Server(load(ServerSettings))
    echo = Echo(echo_service())
    server.add(add_echo, echo, echo.service)
    await server.serve_until_stopped()


if __name__ == "__main__":
    run(_serve())
