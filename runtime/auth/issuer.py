"""An OAuth 2.0 issuer, seen from outside: its discovery document, and JSON over HTTP."""

import asyncio
import json
import re
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx

from runtime.transport import check_url

CONNECT_SECONDS = 2.0
# For a whole request: httpx bounds each read alone, and a slow sender could go on for ever.
REQUEST_SECONDS = 5.0
MAX_BODY_BYTES = 256 * 1024
DISCOVERY_SECONDS = 3600.0

_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=([0-9]{1,9})(?:$|[\s,])")
_NEVER = re.compile(r"(?:^|[\s,])no-(?:store|cache)(?:$|[\s,])")


class IssuerError(Exception):
    """The issuer is away, or what answers is not what it should be; the text holds no secret."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer with a JSON object. `max_age` is in seconds, None where it says nothing."""

    status: int
    body: Mapping[str, Any]
    max_age: float | None


class Issuer:
    """Asks one issuer. Nothing is asked before it is needed, and redirects are not followed."""

    def __init__(
        self,
        url: str,
        *,
        roots: Path | None = None,
        trust_network: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        check_url(url, trust_network=trust_network)
        self.url = url
        self._roots = roots
        self._trust_network = trust_network
        self._monotonic = monotonic
        self._metadata: Mapping[str, Any] = {}
        self._discover_at = float("-inf")
        self._client: httpx.AsyncClient | None = None

    async def endpoint(self, name: str) -> str:
        """Return the URL that the discovery document gives under the name."""
        now = self._monotonic()
        if now >= self._discover_at:
            self._metadata = await self._discover()
            self._discover_at = now + DISCOVERY_SECONDS
        url = self._metadata.get(name)
        if not isinstance(url, str):
            raise IssuerError(f"{self.url} tells no {name}")
        try:
            check_url(url, trust_network=self._trust_network)
        except ValueError as error:
            raise IssuerError(f"{name} of {self.url}: {error}") from error
        return url

    def forget(self) -> None:
        """Read the discovery document anew next time: an endpoint failed, and may have moved."""
        self._discover_at = float("-inf")

    async def get(self, url: str) -> Answer:
        """Read a JSON object. IssuerError where there is none."""
        answer = await self._ask("GET", url)
        if answer.status != httpx.codes.OK:
            raise IssuerError(f"{url} answers {answer.status}")
        return answer

    async def post(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str] = {}
    ) -> Answer:
        """Send a form and return the answer, which may be an error of OAuth's."""
        return await self._ask("POST", url, data=dict(form), headers=dict(headers))

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _discover(self) -> Mapping[str, Any]:
        """Read the metadata (OpenID Connect Discovery 1.0 §4), which must name this issuer."""
        url = f"{self.url.rstrip('/')}/.well-known/openid-configuration"
        metadata = (await self.get(url)).body
        if metadata.get("issuer") != self.url:
            raise IssuerError(f"{url} is of another issuer: {metadata.get('issuer')!r:.200}")
        return metadata

    async def _ask(self, method: str, url: str, **how: Any) -> Answer:
        try:
            async with (
                asyncio.timeout(REQUEST_SECONDS),
                self._connected().stream(method, url, **how) as response,
            ):
                body = await _read(response)
        except TimeoutError as error:
            raise IssuerError(f"{url} did not answer in {REQUEST_SECONDS:g} s") from error
        except httpx.HTTPError as error:
            raise IssuerError(f"{url}: {str(error) or type(error).__name__}") from error
        status = response.status_code
        return Answer(status, _object(url, status, body), _age(response))

    def _connected(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(
                verify=ssl.create_default_context(cafile=self._roots) if self._roots else True,
                timeout=httpx.Timeout(REQUEST_SECONDS, connect=CONNECT_SECONDS),
                # Minutes pass between two requests: a connection that is kept is a dead one.
                limits=httpx.Limits(max_keepalive_connections=0),
                # As with gRPC here, the environment's proxies are not for us.
                trust_env=False,
                headers={"accept": "application/json"},
            )
        return self._client


async def _read(response: httpx.Response) -> bytes:
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise IssuerError(f"{response.url} answers more than {MAX_BODY_BYTES} bytes")
    return body


def _object(url: str, status: int, body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise IssuerError(f"{url} answers {status} and no JSON") from error
    if not isinstance(found, dict):
        raise IssuerError(f"{url} answers {status} and no JSON object")
    return cast("Mapping[str, Any]", found)


def _age(response: httpx.Response) -> float | None:
    control = response.headers.get("cache-control", "").lower()
    if _NEVER.search(control):
        return 0.0
    found = _MAX_AGE.search(control)
    return float(found[1]) if found else None
