"""uvicorn's HTTP/1.1, with the limits that it has not: on headers, and on how long they take."""

from asyncio import AbstractEventLoop, TimerHandle, Transport
from typing import Any, override

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

# Request line and headers: a DPoP proof, an authorization request and cookies fit in well.
MOST_HEADER_BYTES = 32 * 1024

# From the connection, or the first byte of a later request, to the last byte of a request.
ARRIVAL_SECONDS = 15.0

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


class BoundedHttpProtocol(HttpToolsProtocol):
    """Closes connections whose requests are larger, or slower, than any honest one."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._in_headers = False
        self._header_bytes = 0
        self._deadline: TimerHandle | None = None

    @override
    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._begin_arrival()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._end_arrival()
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._in_headers:
            return
        self._header_bytes += len(data)
        if self._header_bytes > MOST_HEADER_BYTES and not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_headers, self._header_bytes = True, 0
        if self._deadline is None:
            self._begin_arrival()

    @override
    def on_headers_complete(self) -> None:
        self._in_headers = False
        super().on_headers_complete()

    @override
    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._end_arrival()

    def _begin_arrival(self) -> None:
        self._deadline = self.loop.call_later(ARRIVAL_SECONDS, self.transport.close)

    def _end_arrival(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
