"""A gRPC server, assembled: engine, chain, health, reflection, channelz, graceful drain."""

import asyncio
import errno
import gc
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any

from google.protobuf.descriptor import ServiceDescriptor
from grpc_channelz.v1 import channelz, channelz_pb2, channelz_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from runtime import reflection
from runtime.chain import default_chain
from runtime.engine import UNIX, ChannelOptions, Engine, TlsFiles, is_local
from runtime.health import Health
from runtime.health_servicer import HealthServicer
from runtime.in_flight import InFlight
from runtime.logs import get_logger
from runtime.main import StartError
from runtime.make_server import add_port, make_server
from runtime.middleware import Middleware
from runtime.registrar import Registrar
from runtime.server_certificate import ServerCertificate
from runtime.settings import ServerSettings

__all__ = ["Engine", "Server", "TlsFiles", "make_server"]

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
MAX_METADATA_BYTES = 16 * 1024

OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # grpcio takes no compressed message. To inflate 4 MiB costs milliseconds, and whoever sends a
    # hundred such messages at once would make all others wait for a second.
    ("grpc.compression_enabled_algorithms_bitset", 1),
    # Else a second server on a taken port would start, and get a share of the calls.
    ("grpc.so_reuseport", 0),
    # A client that has more RPCs under way on one connection waits until one of them has ended.
    ("grpc.max_concurrent_streams", 1024),
    # ... instead of being refused at random, which grpcio calls overload protection.
    ("grpc.http.overload_protection", 0),
    # What all headers of a call may take, in bytes as HTTP/2 counts them. Between two limits
    # grpcio would refuse some calls at random: both are one.
    ("grpc.max_metadata_size", MAX_METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", MAX_METADATA_BYTES),
    # How long a client may take to greet, in ms.
    ("grpc.server_handshake_timeout_ms", 20_000),
    # Find dead clients, and let living ones ping every ten seconds.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
)

# How many calls may at least wait for the event loop, whatever may run at once.
MIN_PENDING_RPCS = 8192

# The native engine closes its connections without writing first what it was given last: of
# the RPCs that end in a drain, a fifth would lose their answers (0.5.0). It has no way to
# wait until all is written, so we give it this long; it needs a thousandth of that.
WRITE_SECONDS = 0.1

log = get_logger(__name__)


class Server:
    """Serves the services that are added before it runs."""

    def __init__(
        self,
        settings: ServerSettings,
        *,
        middleware: Sequence[Middleware] | None = None,
        health: Health | None = None,
    ) -> None:
        self._settings = settings
        self._middleware = default_chain(settings) if middleware is None else middleware
        self._engine = settings.resolved_engine
        self._server = make_server(self._engine, _options(settings))
        tls = settings.tls
        self._certificate = None if tls is None else ServerCertificate(tls)
        self._services: list[str] = []
        self.health = Health() if health is None else health
        self._in_flight = InFlight()
        self.stopping = asyncio.Event()

    def add[S](
        self, adder: Callable[[S, Any], None], servicer: S, service: ServiceDescriptor
    ) -> None:
        """Serve a service: `adder` is its generated add_…Servicer_to_server.

        PolicyError where an RPC has no policy, or one that the chain cannot enforce;
        TypeError where a method is not asynchronous.
        """
        registrar = Registrar(
            self._server, service, self._middleware, self.stopping, self._in_flight, self._engine
        )
        adder(servicer, registrar)
        self._services.append(service.full_name)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Serve, and yield the address with its real port; drain at the end."""
        self._add_standard_services()
        await self.health.check_all()
        address = self._bind()
        await self._server.start()
        tasks = [asyncio.create_task(self.health.run())]
        if self._certificate is not None:
            tasks.append(asyncio.create_task(self._certificate.follow_for_ever()))
        try:
            yield address
        finally:
            for task in tasks:
                task.cancel()
            await self._drain()

    async def serve_until_stopped(self) -> None:
        """Serve until SIGTERM or SIGINT, then drain; a second signal kills the process.

        SIGHUP reads the certificate anew.
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
            log.info("serving", address=address, engine=str(self._engine))
            if self._engine is Engine.NATIVE and not is_local(address):
                log.warning(
                    "the native engine does not limit what a compressed message inflates to: let "
                    "only a proxy connect that refuses requests with grpc-encoding",
                    address=address,
                )
            await stop.wait()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
            log.info("draining", grace=self._settings.grace.total_seconds())
        log.info("stopped")

    async def _drain(self) -> None:
        """Say NOT_SERVING, end the endless streams, let nothing in, let the rest finish."""
        self.health.drain()
        self.stopping.set()
        self._in_flight.begin_drain()
        grace = self._settings.grace.total_seconds()
        end = monotonic() + grace
        if self._engine is Engine.NATIVE:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._in_flight.wait(WRITE_SECONDS), grace)
        await self._server.stop(max(0.0, end - monotonic()))

    def _bind(self) -> str:
        listen = self._settings.listen
        try:
            check_free(listen)
            port = add_port(self._server, listen, self._certificate)
        except (OSError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            message = f"--listen {listen}: {reason.lower()}"
            raise StartError(message) from error
        return listen if listen.startswith(UNIX) else f"{listen.rpartition(':')[0]}:{port}"

    def _add_standard_services(self) -> None:
        own = tuple(self._services)
        self.health.add_services(own)
        self.add(
            health_pb2_grpc.add_HealthServicer_to_server,
            HealthServicer(self.health),
            health_pb2.DESCRIPTOR.services_by_name["Health"],
        )
        if not self._settings.introspection:
            return
        self.add(
            channelz_pb2_grpc.add_ChannelzServicer_to_server,
            channelz.aio.ChannelzServicer(),
            channelz_pb2.DESCRIPTOR.services_by_name["Channelz"],
        )
        servicer = reflection.ReflectionServicer(tuple(self._services))
        for service in reflection.SERVICES:
            self.add(reflection.adder(service), servicer, service)


def _options(settings: ServerSettings) -> ChannelOptions:
    # Of the calls that wait for the event loop grpcio cancels those beyond a limit, some from
    # 1,000 on. `Admission` is to refuse them, which says why; but some limit there must be, since a
    # client that begins and resets calls makes more than the loop can look at.
    pending = max(MIN_PENDING_RPCS, settings.max_concurrent_rpcs)
    return (
        *OPTIONS,
        ("grpc.server.max_pending_requests", pending),
        ("grpc.server.max_pending_requests_hard_limit", pending),
    )


def check_free(address: str) -> None:
    """Raise the OSError that says why the address cannot be listened on; gRPC does not say."""
    if address.startswith(UNIX):
        _check_path_free(address.removeprefix(UNIX))
        return
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    socket.create_server((host.strip("[]"), int(port)), family=family).close()


def _check_path_free(path: str) -> None:
    """Take away the socket that a killed server left, and no other file."""
    if Path(path).exists() and not Path(path).is_socket():
        raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            Path(path).unlink()
        except FileNotFoundError:
            probe.bind(path)
            Path(path).unlink()
        else:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
