"""One HTTP request for JSON, in a thread of its own.

An issuer is asked once in minutes, so that nothing is gained by an asynchronous client; httpx
and what it needs would add 1.1 MB to each image.
"""

import asyncio
import json
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from threading import Thread
from typing import Any, cast
from urllib.parse import urlsplit

CONNECT_SECONDS = 2.0
REQUEST_SECONDS = 5.0
MAX_BODY_BYTES = 256 * 1024
CHUNK_BYTES = 16 * 1024


class HttpError(Exception):
    """There is no answer, or one that cannot be read; the text holds no secret."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request. Redirects are not followed, and the environment's proxies not used."""

    method: str
    url: str
    body: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with a JSON object."""

    status: int
    body: Mapping[str, Any]
    cache_control: str


async def ask(request: Request, roots: Path | None) -> Answer:
    """Make a request, over TLS where its URL says so. HttpError where that fails."""
    try:
        async with asyncio.timeout(REQUEST_SECONDS):
            return await _in_thread(lambda: _exchange(request, roots))
    except TimeoutError as error:
        raise HttpError(f"{request.url} did not answer in {REQUEST_SECONDS:g} s") from error
    except (OSError, HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise HttpError(f"{request.url}: {reason.lower()}") from error


def _in_thread[T](work: Callable[[], T]) -> asyncio.Future[T]:
    """Run the work in a thread that holds up nobody's end, as one of asyncio's own would."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: Exception | None) -> None:
        if outcome.done():
            return
        if error is None:
            outcome.set_result(cast("T", result))
        else:
            outcome.set_exception(error)

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except Exception as caught:  # noqa: BLE001 (whoever waits gets it)
            error = caught
        with suppress(RuntimeError):  # The loop has ended meanwhile.
            loop.call_soon_threadsafe(settle, result, error)

    Thread(target=run, name="issuer", daemon=True).start()
    return outcome


def _exchange(request: Request, roots: Path | None) -> Answer:
    end = time.monotonic() + REQUEST_SECONDS
    parts = urlsplit(request.url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    with closing(_connection(parts.scheme, parts.netloc, roots)) as connection:
        connection.connect()
        connection.sock.settimeout(REQUEST_SECONDS)
        headers = {"Accept": "application/json", **request.headers}
        connection.request(request.method, target or "/", request.body, headers)
        with connection.getresponse() as response:
            body = _read(request.url, response, end)
            cache_control = ",".join(response.headers.get_all("Cache-Control", []))
    return Answer(response.status, _object(request.url, response.status, body), cache_control)


def _connection(scheme: str, netloc: str, roots: Path | None) -> HTTPConnection:
    if scheme == "http":
        return HTTPConnection(netloc, timeout=CONNECT_SECONDS)
    context = ssl.create_default_context(cafile=roots)
    return HTTPSConnection(netloc, timeout=CONNECT_SECONDS, context=context)


def _read(url: str, response: HTTPResponse, end: float) -> bytes:
    body = b""
    while chunk := response.read1(CHUNK_BYTES):
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise HttpError(f"{url} answers more than {MAX_BODY_BYTES} bytes")
        if time.monotonic() > end:  # Each read alone is bounded, and there may be many.
            raise HttpError(f"{url} did not answer in {REQUEST_SECONDS:g} s")
    if response.length:
        raise HttpError(f"{url} answers less than it said")
    return body


def _object(url: str, status: int, body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HttpError(f"{url} answers {status} and no JSON") from error
    if not isinstance(found, dict):
        raise HttpError(f"{url} answers {status} and no JSON object")
    return found
