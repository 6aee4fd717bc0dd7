"""The admin listener: /metrics, /healthz and /readyz over HTTP, in a thread of its own."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET6, SHUT_RDWR, socket
from socketserver import TCPServer
from threading import Lock, Thread
from typing import Any, override

from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder

from runtime.logs import get_logger
from runtime.main import StartError

LOOP_TIMEOUT_SECONDS = 2.0

# How long the end of the listener may wait for its thread.
POLL_SECONDS = 0.1

# Each connection has a thread, so both are bounded: how many there are, and for how long one may
# ask nothing.
MAX_CONNECTIONS = 32
IDLE_SECONDS = 10.0

type Ready = Callable[[], bool]

log = get_logger(__name__)


@contextmanager
def admin_listener(listen: str, ready: Ready) -> Iterator[str]:
    """Serve until the block ends; yields the address with its real port.

    /healthz: 200 while the event loop of the caller answers, else 503.
    /readyz: 200 while `ready()`, else 503. /metrics: the Prometheus registry.
    """
    loop = asyncio.get_running_loop()

    def alive() -> bool:
        future = asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop)
        try:
            future.result(LOOP_TIMEOUT_SECONDS)
        except TimeoutError:
            future.cancel()
            return False
        return True

    class Handler(_Handler):
        checks = {"/healthz": alive, "/readyz": ready}  # noqa: RUF012 (read only)
        timeout = IDLE_SECONDS

    host, _, port = listen.rpartition(":")
    try:
        listener = _Listener6 if ":" in host else _Listener
        server = listener((host.strip("[]"), int(port)), Handler)
    except OSError as error:
        message = f"--metrics-listen {listen}: {(error.strerror or str(error)).lower()}"
        raise StartError(message) from error
    thread = Thread(target=server.serve_forever, args=(POLL_SECONDS,), name="admin", daemon=True)
    thread.start()
    try:
        yield f"{host}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Listener(ThreadingHTTPServer):
    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._open: dict[socket, None] = {}
        self._lock = Lock()
        super().__init__(address, handler)

    @override
    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve it; the oldest connection gives way where there are too many."""
        with self._lock:
            if len(self._open) >= MAX_CONNECTIONS:
                oldest = next(iter(self._open))
                del self._open[oldest]
                with suppress(OSError):  # Its client was faster.
                    oldest.shutdown(SHUT_RDWR)
            self._open[request] = None
        super().process_request(request, client_address)

    @override
    def shutdown_request(self, request: Any) -> None:
        """Close it; from here on it counts no more."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    @override
    def server_bind(self) -> None:
        """Bind without asking a name server who we are, which http.server does."""
        TCPServer.server_bind(self)

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Log it as every other event; a client that left is none."""
        error = sys.exception()
        if not isinstance(error, OSError):
            log.error("admin request failed", exc_info=error)


class _Listener6(_Listener):
    address_family = AF_INET6


class _Handler(BaseHTTPRequestHandler):
    checks: dict[str, Callable[[], bool]]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.partition("?")[0] == "/metrics":
            encode, content_type = choose_encoder(self.headers.get("Accept", ""))
            self._answer(HTTPStatus.OK, content_type, encode(REGISTRY))
        elif self.path in self.checks:
            passed = self.checks[self.path]()
            status = HTTPStatus.OK if passed else HTTPStatus.SERVICE_UNAVAILABLE
            self._answer(status, "text/plain", b"ok\n" if passed else b"not ok\n")
        else:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"/metrics /healthz /readyz\n")

    def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: a scrape every few seconds is no event."""
