"""uvicorn's HTTP/1.1, with limits that it has not: on headers, on time and on connections."""

from asyncio import AbstractEventLoop, TimerHandle, Transport
from typing import Any, override

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from identity.http.connections import Connections

# Request line and headers: a DPoP proof, an authorization request and cookies fit in well.
MOST_HEADER_BYTES = 32 * 1024

# Of a request, what is no body: headers, sizes of chunks and trailers.
_MOST_OVERHEAD_BYTES = 16 * MOST_HEADER_BYTES

# From the connection, or the first byte of a later request, to the last byte of a request.
ARRIVAL_SECONDS = 15.0

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)

# Method, URL and version are separated by spaces; each line has an end, and so has the whole.
_REQUEST_LINE_OVERHEAD = len("  HTTP/1.1\r\n\r\n")
_HEADER_OVERHEAD = len(": \r\n")


class HeadersTooLargeError(Exception):
    """Request line and headers have more bytes than MOST_HEADER_BYTES."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """Closes connections whose requests are larger, or slower, than any honest one."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
        *,
        admission: Connections,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._admission = admission
        self._is_admitted = False
        # Whether a request has arrived that is not yet answered.
        self._is_serving = False
        # Whether a request has begun that is not all there.
        self._is_arriving = False
        self._in_headers = False
        self._is_too_large = False
        # Whether the bytes at hand belong to the headers from their first on.
        self._counts_from_start = True
        self._header_bytes = 0
        self._overhead_bytes = 0
        self._deadline: TimerHandle | None = None

    @override
    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        if self._is_admitted or self.admit(transport):
            super().connection_made(transport)
            self._begin_arrival()

    def admit(self, transport: Transport) -> bool:
        """Count the connection; return False where it is refused, and closed."""
        self.transport = transport
        peer = transport.get_extra_info("peername")
        self._is_admitted = self._admission.admit(self, str(peer[0]) if peer else "")
        if not self._is_admitted:
            # Nothing is written: a proxy in front then tries another replica.
            transport.abort()
        return self._is_admitted

    def forget(self) -> None:
        """Count the connection no longer."""
        self._admission.forget(self)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if not self._is_admitted:
            return
        self.forget()
        self._end_arrival()
        super().connection_lost(exc)

    def abort(self) -> None:
        """Close the connection at once, whatever its client does."""
        self.transport.abort()

    @override
    def data_received(self, data: bytes) -> None:
        if not self._is_serving and self._deadline is None:
            self._begin_arrival()
        # Never more at once than may be headers, so that how they are cut makes no difference.
        while data and not self.transport.is_closing():
            room = MOST_HEADER_BYTES - self._header_bytes
            piece, data = data[:room], data[room:]
            self._receive(piece)

    def _receive(self, piece: bytes) -> None:
        self._counts_from_start = self._in_headers or not self._is_arriving
        super().data_received(piece)
        self._overhead_bytes += len(piece)
        if self._in_headers and self._counts_from_start:
            self._header_bytes += len(piece)
        is_too_large = (
            self._header_bytes >= MOST_HEADER_BYTES or self._overhead_bytes > _MOST_OVERHEAD_BYTES
        )
        if is_too_large and not self.transport.is_closing():
            self._refuse()

    @override
    def send_400_response(self, msg: str) -> None:
        if self._is_too_large or self._is_serving:
            self._refuse()
        else:
            super().send_400_response(msg)

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_headers, self._header_bytes, self._overhead_bytes = True, 0, 0
        self._is_arriving = True
        if self._deadline is None:
            self._begin_arrival()

    @override
    def on_header(self, name: bytes, value: bytes) -> None:
        # uvicorn would add trailers to the headers, where a proxy in front did not look for them.
        if self._in_headers:
            super().on_header(name, value)

    @override
    def on_headers_complete(self) -> None:
        self._in_headers, self._header_bytes = False, 0
        if self._size_of_headers() > MOST_HEADER_BYTES:
            self._is_too_large = True
            raise HeadersTooLargeError
        super().on_headers_complete()

    @override
    def on_body(self, body: bytes) -> None:
        self._overhead_bytes -= len(body)
        super().on_body(body)

    @override
    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._is_arriving = self._counts_from_start = False
        self._end_arrival()
        if self.cycle.response_complete:
            # It was answered before all of it was there.
            self._begin_idle()
        else:
            self._is_serving = True
            self._admission.serve(self)

    @override
    def on_response_complete(self) -> None:
        is_last = not self.pipeline
        super().on_response_complete()
        if is_last or self.transport.is_closing():
            self._is_serving = False
            self._admission.wait(self)

    def _begin_idle(self) -> None:
        self._admission.wait(self)
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def _begin_arrival(self) -> None:
        self._deadline = self.loop.call_later(ARRIVAL_SECONDS, self.transport.close)

    def _end_arrival(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _size_of_headers(self) -> int:
        """Return how many bytes they have, written without needless spaces."""
        size = len(self.parser.get_method()) + len(self.url) + _REQUEST_LINE_OVERHEAD
        return size + sum(len(name) + len(value) + _HEADER_OVERHEAD for name, value in self.headers)

    def _refuse(self) -> None:
        # A client would take it for the answer to the request before.
        if not self._is_serving:
            self.transport.write(_TOO_LARGE)
        self.transport.close()
