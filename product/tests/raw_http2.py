"""A client that says on the wire what no gRPC client would."""

import asyncio
import struct
from typing import Self

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS = 0, 1, 3, 4
END_STREAM, END_HEADERS = 1, 4


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Return a frame (RFC 9113 §4.1)."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def header(name: str, value: str) -> bytes:
    """Return a literal header without indexing (RFC 7541 §6.2.2)."""
    return b"\0" + length(name) + name.encode() + length(value) + value.encode()


def length(text: str) -> bytes:
    """Return the length of a string that is not compressed (RFC 7541 §5.1)."""
    if len(text) < 127:
        return bytes([len(text)])
    left, more = len(text) - 127, b""
    while left >= 128:
        left, low = divmod(left, 128)
        more += bytes([low + 128])
    return bytes([127]) + more + bytes([left])


class Call:
    """One call on a connection of its own, of which the parts are sent when the test says so."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def begin(cls, address: str, path: str, **headers: str) -> Self:
        """Send the headers."""
        host, _, port = address.rpartition(":")
        call = cls(*await asyncio.open_connection(host, int(port)))
        fields = {
            ":method": "POST",
            ":scheme": "http",
            ":path": path,
            ":authority": address,
            "content-type": "application/grpc",
            "te": "trailers",
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        block = b"".join(header(name, value) for name, value in fields.items())
        call._writer.write(PREFACE + frame(SETTINGS, 0, 0, b""))
        call._writer.write(frame(HEADERS, END_HEADERS, 1, block))
        return call

    def send(self, message: bytes) -> None:
        """Send the only message, and with it the end of the request."""
        body = b"\0" + struct.pack(">I", len(message)) + message
        self._writer.write(frame(DATA, END_STREAM, 1, body))

    async def ended(self) -> None:
        """Wait until the server has ended the call, in whatever way."""
        while True:
            size, kind, flags, stream = struct.unpack(
                ">IBBI", b"\0" + await self._reader.readexactly(9)
            )
            await self._reader.readexactly(size)
            ends = kind in {DATA, HEADERS} and flags & END_STREAM
            if stream == 1 and (ends or kind == RST_STREAM):
                return

    async def close(self) -> None:
        """Close the connection."""
        self._writer.close()
        await self._writer.wait_closed()
