"""A gRPC client that sends HTTP/2 frame by frame, and so can break every rule of both."""

import asyncio
import struct
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Self

from hpack import Decoder, Encoder
from hyperframe.frame import (
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from runtime.testing.waiting import PATIENCE_SECONDS

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_BYTES = 16_384
DEFAULT_WINDOW = 65_535
CANCEL = 8

type Headers = Iterable[tuple[str, str]]


def message(data: bytes, *, flag: int = 0) -> bytes:
    """Return a message with its gRPC prefix: the compressed-flag and the length."""
    return struct.pack(">BI", flag, len(data)) + data


class Stream:
    """One request, and what has come of it so far."""

    def __init__(self, window: int) -> None:
        self.window = window
        self.headers: dict[str, str] = {}
        self.data = b""
        self.reset: int | None = None
        self.ended = asyncio.Event()

    @property
    def http_status(self) -> int:
        """The HTTP status of the response."""
        return int(self.headers[":status"])

    @property
    def grpc_status(self) -> int:
        """The gRPC status of the response."""
        return int(self.headers["grpc-status"])

    async def end(self) -> Self:
        """Wait until the server has ended the stream, or the connection has."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.ended.wait()
        return self


class Http2Connection:
    """A connection whose frames the test writes; it answers pings and opens windows by itself."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._encoder = Encoder()
        self._decoder = Decoder()
        self._streams: dict[int, Stream] = {}
        self._next_id = 1
        self._window = DEFAULT_WINDOW
        self._initial_window = DEFAULT_WINDOW
        self._opened = asyncio.Condition()
        self._greeted = asyncio.Event()
        self.closed = asyncio.Event()
        self.pongs = 0
        self.goaway: int | None = None

    @classmethod
    @asynccontextmanager
    async def open(
        cls, address: str, settings: Mapping[int, int] | None = None
    ) -> AsyncIterator[Self]:
        """Connect and exchange settings; `settings` are those of this side."""
        host, _, port = address.rpartition(":")
        connection = cls(*await asyncio.open_connection(host, int(port)))
        connection._writer.write(PREFACE)
        connection.send(SettingsFrame(0, settings=dict(settings or {})))
        reading = asyncio.create_task(connection._read())
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await connection._greeted.wait()
            yield connection
        finally:
            reading.cancel()
            connection._writer.close()
            with suppress(OSError):
                await connection._writer.wait_closed()
            with suppress(asyncio.CancelledError):
                await reading

    def send(self, *frames: Frame) -> None:
        """Write frames as they are."""
        if not self.closed.is_set():
            self._writer.write(b"".join(frame.serialize() for frame in frames))

    async def flood(self, frames: Iterable[Frame]) -> None:
        """Write frames for as long as the server takes them."""
        for number, frame in enumerate(frames):
            self.send(frame)
            if number % 64 == 0:
                with suppress(OSError):
                    await self._writer.drain()
                if self.closed.is_set():
                    return

    def begin(
        self, path: str, headers: Headers = (), *, content_type: str | None = "application/grpc"
    ) -> int:
        """Send the headers of a request, and return the number of its stream."""
        number = self._next_id
        self._next_id += 2
        self._streams[number] = Stream(self._initial_window)
        self.send(self.headers_frame(number, path, headers, content_type=content_type))
        return number

    def headers_frame(
        self,
        number: int,
        path: str,
        headers: Headers = (),
        *,
        content_type: str | None = "application/grpc",
        flags: Iterable[str] = ("END_HEADERS",),
    ) -> HeadersFrame:
        """Return the HEADERS frame of a request."""
        pairs = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "localhost"),
            ("te", "trailers"),
            *([] if content_type is None else [("content-type", content_type)]),
            *headers,
        ]
        return HeadersFrame(number, data=self._encoder.encode(pairs), flags=list(flags))

    async def write(self, number: int, data: bytes, *, end: bool = True) -> None:
        """Send the body of a request as fast as the server lets it in, until it has answered."""
        stream = self._streams[number]
        for begin in range(0, len(data), FRAME_BYTES):
            if stream.ended.is_set():
                return
            await self._send_chunk(number, stream, data[begin : begin + FRAME_BYTES])
        if end:
            self.send(DataFrame(number, flags=["END_STREAM"]))

    async def request(
        self,
        path: str,
        body: bytes = b"",
        headers: Headers = (),
        *,
        content_type: str | None = "application/grpc",
    ) -> Stream:
        """Make a request and return it with its response, once it has ended."""
        number = self.begin(path, headers, content_type=content_type)
        await self.write(number, body)
        return await self._streams[number].end()

    def stream(self, number: int) -> Stream:
        """Return a stream that was begun."""
        return self._streams[number]

    def cancel(self, number: int) -> None:
        """Reset a stream, as clients do that give a call up."""
        self.send(RstStreamFrame(number, error_code=CANCEL))

    async def ping(self) -> None:
        """Wait until the server has answered a ping, hence read all that was sent before."""
        pongs = self.pongs
        self.send(PingFrame(0, opaque_data=b"question"))
        async with asyncio.timeout(PATIENCE_SECONDS), self._opened:
            await self._opened.wait_for(lambda: self.pongs > pongs or self.closed.is_set())

    async def _send_chunk(self, number: int, stream: Stream, chunk: bytes) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS), self._opened:
            await self._opened.wait_for(
                lambda: stream.ended.is_set() or min(self._window, stream.window) >= len(chunk)
            )
        if not stream.ended.is_set():
            self._window -= len(chunk)
            stream.window -= len(chunk)
            self.send(DataFrame(number, data=chunk))
            with suppress(OSError):
                await self._writer.drain()

    async def _read(self) -> None:
        try:
            while True:
                head = await self._reader.readexactly(9)
                frame, length = Frame.parse_frame_header(memoryview(head))
                frame.parse_body(memoryview(await self._reader.readexactly(length)))
                self._take(frame, length)
                async with self._opened:
                    self._opened.notify_all()
        except asyncio.IncompleteReadError, OSError:
            pass
        finally:
            self.closed.set()
            for stream in self._streams.values():
                stream.ended.set()
            async with self._opened:
                self._opened.notify_all()

    def _take(self, frame: Frame, length: int) -> None:
        stream = self._streams.get(frame.stream_id)
        if stream is not None:
            self._take_of_stream(stream, frame)
        match frame:
            case SettingsFrame() if "ACK" not in frame.flags:
                self._take_settings(frame.settings)
            case PingFrame() if "ACK" in frame.flags:
                self.pongs += 1
            case PingFrame():
                self.send(PingFrame(0, opaque_data=frame.opaque_data, flags=["ACK"]))
            case WindowUpdateFrame(stream_id=0):
                self._window += frame.window_increment
            case GoAwayFrame():
                self.goaway = frame.error_code
            case DataFrame() if length:
                self.send(WindowUpdateFrame(0, window_increment=length))

    def _take_of_stream(self, stream: Stream, frame: Frame) -> None:
        match frame:
            case WindowUpdateFrame():
                stream.window += frame.window_increment
            case HeadersFrame():
                decoded = self._decoder.decode(frame.data)
                stream.headers |= {str(name): str(value) for name, value in decoded}
            case DataFrame():
                stream.data += frame.data
            case RstStreamFrame():
                stream.reset = frame.error_code
        if stream.reset is not None or "END_STREAM" in frame.flags:
            stream.ended.set()

    def _take_settings(self, settings: Mapping[int, int]) -> None:
        window = settings.get(SettingsFrame.INITIAL_WINDOW_SIZE, self._initial_window)
        for stream in self._streams.values():
            stream.window += window - self._initial_window
        self._initial_window = window
        self.send(SettingsFrame(0, flags=["ACK"]))
        self._greeted.set()
