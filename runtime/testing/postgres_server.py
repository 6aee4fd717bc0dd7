"""A real PostgreSQL server for tests, on a unix socket, with nothing left behind."""

import os
import signal
import subprocess
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import IO

from sqlalchemy import make_url

# Fast, and good enough: no test's data need outlive the machine.
_SETTINGS = (
    "fsync=off",
    "full_page_writes=off",
    "autovacuum=off",
    "shared_buffers=32MB",
    "listen_addresses=",
)
_START_SECONDS = 60


class PostgresServer:
    """One data folder, and the server process over it, which a test may stop and start."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self._binaries = binaries
        self._folder = folder
        self._numbers = count(1)
        self._log: deque[str] = deque(maxlen=200)
        self._process: subprocess.Popen[str] | None = None

    @classmethod
    @contextmanager
    def temporary(cls) -> Iterator[PostgresServer]:
        """Make and run a server from $POSTGRES_BIN until the end of the block."""
        binaries = Path(os.environ["POSTGRES_BIN"])
        # The path of a socket has 107 bytes at most; a test runner's own folder may need more.
        with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as folder:
            server = cls(binaries, Path(folder))
            server.initialise()
            server.start()
            try:
                yield server
            finally:
                server.stop()

    def initialise(self) -> None:
        """Make the data folder."""
        self._run(
            "initdb",
            f"--pgdata={self._folder}/data",
            "--username=test",
            "--auth=trust",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
        )

    def start(self) -> None:
        """Start the server and wait until it accepts connections."""
        ready = Event()
        settings = [f"-c{each}" for each in (*_SETTINGS, f"unix_socket_directories={self._folder}")]
        self._process = subprocess.Popen(  # noqa: S603  (the toolchain's own program)
            [self._binaries / "postgres", "-D", self._folder / "data", *settings],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        Thread(target=self._follow, args=(self._process.stderr, ready), daemon=True).start()
        if not ready.wait(_START_SECONDS) or self._process.poll() is not None:
            raise RuntimeError("PostgreSQL does not start:\n" + "".join(self._log))

    def stop(self, *, crash: bool = False) -> None:
        """Stop the server, whose clients lose their connections; `crash` as if power was lost."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGQUIT if crash else signal.SIGINT)
        self._process.wait()
        self._process = None

    def create_database(self) -> str:
        """Make an empty database and return its URL."""
        name = f"test_{next(self._numbers)}"
        self._run("createdb", f"--host={self._folder}", "--username=test", name)
        return f"postgresql://test@/{name}?host={self._folder}"

    def copy_database(self, source: str, target: str) -> None:
        """Make one database, of which nobody uses either, a copy of another; both by URL."""
        source_name, target_name = (make_url(url).database for url in (source, target))
        self._run(
            "psql",
            f"--host={self._folder}",
            "--username=test",
            "--dbname=postgres",
            f"--command=DROP DATABASE {target_name}",
            f"--command=CREATE DATABASE {target_name} TEMPLATE {source_name} STRATEGY file_copy",
        )

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(  # noqa: S603  (the toolchain's own program)
            [self._binaries / program, *arguments], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed:\n{done.stderr}")

    def _follow(self, lines: IO[str], ready: Event) -> None:
        with lines:
            for line in lines:
                self._log.append(line)
                if "ready to accept connections" in line:
                    ready.set()
        ready.set()  # It ended, so nobody need wait for it.
