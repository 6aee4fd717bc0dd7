"""A connection until its TLS handshake is done: counted from the first, and limited in time."""

import asyncio
import ssl
from typing import override

from identity.http import protocol

# How long a client may take to say goodbye.
_SHUTDOWN_SECONDS = 5.0


class TlsArrival(asyncio.Protocol):
    """Makes the handshake, and hands the connection over to HTTP.

    asyncio's own servers show a connection only after its handshake: those that never make one
    would be in no count.
    """

    def __init__(self, http: protocol.BoundedHttpProtocol, context: ssl.SSLContext) -> None:
        self._http = http
        self._context = context
        # What comes right behind the handshake, before HTTP has taken over.
        self._early: list[bytes] = []
        self._is_lost = False
        self._handshake: asyncio.Task[None] | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if self._http.admit(transport):
            # At once: uvloop begins to read when this returns, and what it reads is for TLS.
            self._handshake = asyncio.Task(self._take_over(transport), eager_start=True)

    @override
    def data_received(self, data: bytes) -> None:
        self._early.append(data)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True

    async def _take_over(self, transport: asyncio.Transport) -> None:
        try:
            secured = await asyncio.get_running_loop().start_tls(
                transport,
                self,
                self._context,
                server_side=True,
                ssl_handshake_timeout=protocol.ARRIVAL_SECONDS,
                ssl_shutdown_timeout=_SHUTDOWN_SECONDS,
            )
        except OSError:  # Those of OpenSSL and of time as well.
            secured = None
        if secured is None or self._is_lost or secured.is_closing():
            transport.abort()
            self._http.forget()
            return
        secured.set_protocol(self._http)
        self._http.connection_made(secured)
        for data in self._early:
            self._http.data_received(data)
