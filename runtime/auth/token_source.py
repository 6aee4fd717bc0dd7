"""Access tokens of our own, by client credentials (RFC 6749 §4.4)."""

import base64
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote_plus

from runtime.auth.https import Answer
from runtime.auth.issuer import Issuer, IssuerError
from runtime.auth.refresh import AwayError, Refresh
from runtime.auth.secret_file import read_secret
from runtime.auth.settings import ClientSettings
from runtime.backoff import Backoff
from runtime.errors import Unavailable
from runtime.reason import Reason

# A token is renewed after a random share of its life, so that replicas do not all ask at once,
RENEW_FROM, RENEW_TO = 0.7, 0.9
# and is not handed out in the last of it: it must not expire on its way.
RESERVE_SECONDS = 10.0
RESERVE_SHARE = 0.1
DEFAULT_LIFE_SECONDS = 300.0
LEAST_LIFE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Client:
    """A client of the issuer, and the tokens that it wants: for one resource, with scopes."""

    client_id: str
    secret_file: Path
    resource: str
    scopes: frozenset[str]


class TokenSource:
    """Keeps a token ready, and never hands out one that has expired.

    It is fetched when it is first wanted, and again ahead of its end behind the callers' backs.
    """

    def __init__(
        self,
        issuer: Issuer,
        client: Client,
        *,
        backoff: Backoff | None = None,
        draw: Callable[[float, float], float] = random.uniform,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._client = client
        self._draw = draw
        self._monotonic = monotonic
        self._refresh = Refresh("token", self._fetch, backoff=backoff, monotonic=monotonic)
        self._token: str | None = None
        self._began = self._renew_at = self._end = float("-inf")

    @classmethod
    def of(cls, settings: ClientSettings, resource: str, *scopes: str) -> Self:
        """Return a source of tokens for the resource with the scopes, as the settings want it."""
        issuer = Issuer(
            settings.issuer, roots=settings.issuer_roots, trust_network=settings.trust_network
        )
        wanted = Client(settings.client_id, settings.secret_file, resource, frozenset(scopes))
        return cls(issuer, wanted)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self.close()

    def ready(self) -> str | None:
        """Return a token that is good for now, None where one must be fetched first."""
        now = self._monotonic()
        if now >= self._renew_at:
            if self._token is None or now >= self._end:
                return None
            self._refresh.in_background()
        return self._token

    async def token(self) -> str:
        """Return a token that is good for now. Unavailable where there is none to be had."""
        while (token := self.ready()) is None:
            try:
                await self._refresh.now()
            except AwayError as error:
                message = f"no token: {error}"
                reason = Reason.TOKEN_UNAVAILABLE
                raise Unavailable(message, reason=reason, retry_after=error.retry_after) from error
        return token

    def drop(self, token: str) -> bool:
        """Forget a token that was refused; say whether another may fare better.

        One that was refused as soon as it was made would be followed by its like, again and
        again: it stays for a second.
        """
        if token == self._token:
            if self._monotonic() < self._began + LEAST_LIFE_SECONDS:
                return False
            self._token = None
            self._renew_at = self._end = float("-inf")
        return True

    async def close(self) -> None:
        """Give up a fetch that runs."""
        await self._refresh.close()

    async def _fetch(self) -> None:
        began = self._monotonic()
        try:
            url = await self._issuer.endpoint("token_endpoint")
            answer = await self._issuer.post(url, self._form(), self._authorization())
            self._keep(answer, began)
        except IssuerError:
            self._issuer.forget()
            raise

    def _form(self) -> dict[str, str]:
        return {
            "grant_type": "client_credentials",
            "resource": self._client.resource,
            "scope": " ".join(sorted(self._client.scopes)),
        }

    def _authorization(self) -> dict[str, str]:
        secret = read_secret(self._client.secret_file)
        return {"authorization": basic_authorization(self._client.client_id, secret)}

    def _keep(self, answer: Answer, began: float) -> None:
        body = answer.body
        if answer.status != 200:
            raise IssuerError(f"{self._issuer.url} gives no token: {_reason(body)}")
        token, life = body.get("access_token"), body.get("expires_in", DEFAULT_LIFE_SECONDS)
        kind = body.get("token_type")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise IssuerError(f"{self._issuer.url} answers without a token")
        if not isinstance(kind, str) or kind.lower() != "bearer":
            raise IssuerError(f"{self._issuer.url} gives a token that is no bearer token")
        if not isinstance(life, int | float) or not 0 < life < float("inf"):
            raise IssuerError(f"{self._issuer.url} gives a token with no life")
        self._token, self._began = token, began
        self._end = began + life - min(RESERVE_SECONDS, life * RESERVE_SHARE)
        self._renew_at = began + life * self._draw(RENEW_FROM, RENEW_TO)


def basic_authorization(client_id: str, secret: str) -> str:
    """Authenticate by client_secret_basic; RFC 6749 §2.3.1 encodes both parts first."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _reason(body: Mapping[str, Any]) -> str:
    """Return what RFC 6749 §5.2 has the issuer say, for the log."""
    return f"{body.get('error')}: {body.get('error_description')}"[:300]
