"""Serves an ASGI application by uvicorn, under our own signals and logs."""

import asyncio
import gc
import math
import resource
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import override

import uvicorn
from starlette.types import ASGIApp

from identity.http.connections import ConnectionLimits, Connections
from identity.http.protocol import BoundedHttpProtocol
from identity.http.tls_arrival import TlsArrival
from runtime.engine import TlsFiles
from runtime.logs import get_logger
from runtime.main import StartError
from runtime.server_certificate import ServerCertificate

log = get_logger(__name__)

_BACKLOG = 1024

# What is open beside connections of clients: the database, log-outs, libraries.
_OTHER_FILES = 256


class Listener:
    """An address that is ours from now on, and answers once a server listens there."""

    def __init__(self, listen: str) -> None:
        """StartError where the address is taken, or is none of this machine's."""
        host, _, port = listen.rpartition(":")
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self.socket.bind((host.strip("[]"), int(port)))
        except OSError as error:
            self.socket.close()
            reason = (error.strerror or str(error)).lower()
            raise StartError(f"--listen {listen}: {reason}") from error
        # With the real port, where it was left open.
        self.address = f"{host}:{self.socket.getsockname()[1]}"


class HttpServer:
    """One listener. `tls`: the files of its certificate and key. StartError where they are bad."""

    def __init__(
        self,
        app: ASGIApp,
        listener: Listener,
        *,
        grace: timedelta,
        limits: ConnectionLimits | None = None,
        tls: TlsFiles | None = None,
    ) -> None:
        self._app = app
        self._listener = listener
        self._grace = grace
        self._limits = limits or ConnectionLimits()
        self._certificate = None if tls is None else ServerCertificate(tls)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Serve, and yield the address; drain at the end."""
        server = _Server(self._config())
        serving = asyncio.create_task(server.serve([self._listener.socket]))
        following = None
        if self._certificate is not None:
            following = asyncio.create_task(self._certificate.follow_for_ever())
        await server.listening.wait()
        try:
            yield self._listener.address
        finally:
            if following is not None:
                following.cancel()
            server.should_exit = True
            await serving

    async def serve_until_stopped(self, drain: Callable[[], None]) -> None:
        """Serve until SIGTERM or SIGINT, then drain; a second signal kills the process.

        `drain` is called when the first comes. SIGHUP reads the certificate anew.
        """
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        if self._certificate is not None:
            loop.add_signal_handler(signal.SIGHUP, self._certificate.reload)
        async with self.running() as address:
            # What the imports made is never garbage: no collection need walk over it again.
            gc.collect()
            gc.freeze()
            log.info("serving", address=address)
            await stop.wait()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
            drain()
            log.info("draining", grace=self._grace.total_seconds())
        log.info("stopped")

    def _config(self) -> uvicorn.Config:
        total = within_open_files(self._limits.total)
        connections = Connections(replace(self._limits, total=total))
        return uvicorn.Config(
            self._app,
            http=self._protocol(connections),  # type: ignore[arg-type]
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            # It would log queries, and with them codes and hints.
            access_log=False,
            # Addresses behind proxies are told by ClientAddresses.
            proxy_headers=False,
            server_header=False,
            # Of requests whose clients have left; connections are counted by us.
            limit_concurrency=total + 1,
            timeout_keep_alive=self._limits.keep_alive.total_seconds(),  # type: ignore[arg-type]
            backlog=_BACKLOG,
            timeout_graceful_shutdown=math.ceil(self._grace.total_seconds()),
        )

    def _protocol(self, connections: Connections) -> Callable[..., asyncio.Protocol]:
        """Return what makes the protocol of each connection."""
        http = partial(BoundedHttpProtocol, admission=connections)
        if self._certificate is None:
            return http
        context = _tls_context(self._certificate)
        return lambda **parts: TlsArrival(http(**parts), context)


def _tls_context(certificate: ServerCertificate) -> ssl.SSLContext:
    """Return a context that serves to each new connection the pair of that time.

    A new pair in the same context would not do: it would keep an old certificate whose key is of
    another type.
    """

    def choose(connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = certificate.pair.context

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sni_callback = choose
    return context


def within_open_files(connections: int) -> int:
    """Let the process open files for so many connections; return for how many it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHER_FILES
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(1, min(connections, soft - _OTHER_FILES))


class _Server(uvicorn.Server):
    """Leaves the signals to us, and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @override
    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield
