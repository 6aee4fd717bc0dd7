"""An OAuth 2.0 issuer, seen from outside: its discovery document, and its endpoints."""

import re
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from runtime.auth.https import Answer, HttpError, Request, ask
from runtime.transport import check_url

DISCOVERY_SECONDS = 3600.0

_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=([0-9]{1,9})(?:$|[\s,])")
_NEVER = re.compile(r"(?:^|[\s,])no-(?:store|cache)(?:$|[\s,])")


class IssuerError(Exception):
    """The issuer is away, or what answers is not what it should be; the text holds no secret."""


class Issuer:
    """Asks one issuer. Nothing is asked before it is needed."""

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
        answer = await self._ask(Request("GET", url))
        if answer.status != HTTPStatus.OK:
            raise IssuerError(f"{url} answers {answer.status}")
        return answer

    async def post(self, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Send a form and return the answer, which may be an error of OAuth's."""
        form_type = {"Content-Type": "application/x-www-form-urlencoded"}
        return await self._ask(Request("POST", url, urlencode(form), {**form_type, **headers}))

    async def _discover(self) -> Mapping[str, Any]:
        """Read the metadata (OpenID Connect Discovery 1.0 §4), which must name this issuer."""
        url = f"{self.url.rstrip('/')}/.well-known/openid-configuration"
        metadata = (await self.get(url)).body
        if metadata.get("issuer") != self.url:
            raise IssuerError(f"{url} is of another issuer: {metadata.get('issuer')!r:.200}")
        return metadata

    async def _ask(self, request: Request) -> Answer:
        try:
            return await ask(request, self._roots)
        except HttpError as error:
            raise IssuerError(str(error)) from error


def max_age(cache_control: str) -> float | None:
    """Return for how many seconds an answer holds (RFC 9111 §5.2.2), None where it says nothing."""
    control = cache_control.lower()
    if _NEVER.search(control):
        return 0.0
    found = _MAX_AGE.search(control)
    return float(found[1]) if found else None
