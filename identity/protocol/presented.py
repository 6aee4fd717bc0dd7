"""A token that somebody shows us: whose it is, what it is good for, whether it still is."""

from dataclasses import dataclass
from typing import Any

from identity.grants.grants import Grants
from identity.grants.refresh_tokens import RefreshToken, RefreshTokens
from identity.keys.tokens import Tokens
from identity.protocol.client import OAuthClient
from runtime.clock import SECOND, Clock, now_micros


@dataclass(frozen=True, slots=True)
class PresentedAccessToken:
    """An access token of ours, whole and not expired; `claims` as it was signed."""

    claims: dict[str, Any]
    live: bool

    def check_client(self, client: OAuthClient) -> bool:
        """Whether it was issued to this client."""
        return bool(self.claims["client_id"] == client.get_client_id())

    def is_expired(self) -> bool:
        """Return False: an expired one is not even read."""
        return False

    def is_revoked(self) -> bool:
        """Whether it or its grant was revoked."""
        return not self.live


@dataclass(frozen=True, slots=True)
class PresentedRefreshToken:
    """A refresh token of ours, in whatever state."""

    found: RefreshToken
    now: int

    def check_client(self, client: OAuthClient) -> bool:
        """Whether it was issued to this client."""
        return self.found.grant.client_id == client.get_client_id()

    def is_expired(self) -> bool:
        """Whether its time, or its grant's, is over."""
        return min(self.found.expire_time, self.found.grant.expire_time) <= self.now

    def is_revoked(self) -> bool:
        """Whether it was used, or its grant revoked."""
        return self.found.consume_time is not None or self.found.grant.revoked


type Presented = PresentedAccessToken | PresentedRefreshToken


class PresentedTokens:
    """Finds out what a token is. A hint as to its type is not needed: a JWT has dots."""

    def __init__(
        self,
        tokens: Tokens,
        grants: Grants,
        refresh_tokens: RefreshTokens,
        clock: Clock = now_micros,
    ) -> None:
        self._tokens = tokens
        self._grants = grants
        self._refresh_tokens = refresh_tokens
        self._clock = clock

    async def find(self, token: str, client: OAuthClient) -> Presented | None:
        """Return a token of anybody's, or of the client's where it is a refresh token."""
        if "." in token:
            return await self.access_token(token)
        found = await self._refresh_tokens.find(token, client.get_client_id())
        return None if found is None else PresentedRefreshToken(found, self._clock())

    async def access_token(self, token: str) -> PresentedAccessToken | None:
        """Return an access token that we signed and that has not expired."""
        claims = await self._tokens.read_access_token(token)
        if claims is None:
            return None
        live = await self._grants.access_token_is_live(claims["jti"], claims.get("gid"))
        return PresentedAccessToken(claims, live)

    async def revoke(self, presented: Presented) -> None:
        """Revoke an access token by itself; a refresh token with its grant (RFC 7009 §2.1)."""
        match presented:
            case PresentedAccessToken(claims):
                await self._grants.revoke_access_token(claims["jti"], claims["exp"] * SECOND)
            case PresentedRefreshToken(found):
                await self._grants.revoke(found.grant.grant_id)
