"""Refresh tokens: each is used once, and its successor takes its place.

A used token's successor is computed from it, not drawn: a client that lost the answer asks again
within the grace and gets the same one, so a family never has two live tokens. A token that comes
back later, or after its successor was used, is in the wrong hands: its grant is revoked.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from enum import Enum, auto

from sqlalchemy import Connection, insert, select, update

from identity.grants.grants import is_live, revoke_grants, to_grant
from identity.model import Grant
from identity.secrets import digest, new_secret
from identity.tables import grants, refresh_tokens
from runtime.clock import Clock, Micros, now_micros
from runtime.database import Database


class Rotation(Enum):
    """How the use of a refresh token ended."""

    ROTATED = auto()
    # Used before, within the grace: the same successor again.
    REPEATED = auto()
    # Used before, and too late: the grant is revoked now.
    REUSED = auto()
    # Expired or revoked meanwhile.
    DEAD = auto()


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token that was presented, with its grant."""

    token: str
    grant: Grant
    expire_time: Micros
    consume_time: Micros | None


class RefreshTokens:
    """`key` is secret: whoever has it and a token can compute the successors."""

    def __init__(
        self,
        database: Database,
        key: bytes,
        *,
        lifetime: Micros,
        grace: Micros,
        clock: Clock = now_micros,
    ) -> None:
        self._database = database
        self._key = key
        self._lifetime = lifetime
        self._grace = grace
        self._clock = clock

    def successor(self, token: str) -> str:
        """Compute the one token that follows a token."""
        code = hmac.digest(self._key, token.encode("utf-8", "surrogatepass"), hashlib.sha256)
        return base64.urlsafe_b64encode(code).rstrip(b"=").decode("ascii")

    async def find(self, token: str, client_id: str) -> RefreshToken | None:
        """Return a client's token, in whatever state; None for what is unknown or another's."""
        query = (
            select(refresh_tokens.c.expire_time, refresh_tokens.c.consume_time, grants)
            .join(grants, grants.c.grant_id == refresh_tokens.c.grant_id)
            .where(refresh_tokens.c.digest == digest(token), grants.c.client_id == client_id)
        )
        fields = await self._database.read(
            lambda c: c.execute(query).mappings().first(), snapshot=False
        )
        if fields is None:
            return None
        return RefreshToken(
            token=token,
            grant=to_grant(fields),
            expire_time=fields[refresh_tokens.c.expire_time],
            consume_time=fields[refresh_tokens.c.consume_time],
        )

    async def rotate(self, token: str) -> Rotation:
        """Use a token up and put its successor in its place, in one transaction."""
        now = self._clock()
        return await self._database.write(lambda c: self._rotate(c, token, now))

    def insert_first(self, connection: Connection, grant: Grant, now: Micros) -> str:
        """Begin a grant's family, within the transaction that redeems its code."""
        token = new_secret()
        self._insert(connection, token, grant.grant_id, grant.expire_time, now)
        return token

    def _rotate(self, connection: Connection, token: str, now: Micros) -> Rotation:
        used = connection.scalar(
            update(refresh_tokens)
            .where(
                refresh_tokens.c.digest == digest(token),
                refresh_tokens.c.consume_time.is_(None),
                refresh_tokens.c.expire_time > now,
                is_live(refresh_tokens.c.grant_id, now),
            )
            .values(consume_time=now)
            .returning(refresh_tokens.c.grant_id)
        )
        if used is None:
            return self._repeat(connection, token, now)
        end = connection.scalar(select(grants.c.expire_time).where(grants.c.grant_id == used))
        assert end is not None  # noqa: S101 (it was there a statement ago, and is never deleted live)
        self._insert(connection, self.successor(token), used, end, now)
        return Rotation.ROTATED

    def _repeat(self, connection: Connection, token: str, now: Micros) -> Rotation:
        """Tell a lost answer from a token in the wrong hands."""
        row = connection.execute(
            select(refresh_tokens.c.grant_id, refresh_tokens.c.consume_time).where(
                refresh_tokens.c.digest == digest(token), is_live(refresh_tokens.c.grant_id, now)
            )
        ).first()
        if row is None or row.consume_time is None:
            return Rotation.DEAD
        # Whoever waited for the row may have come before its time of use.
        since = max(now - row.consume_time, 0)
        if since < self._grace and self._unused(connection, token):
            return Rotation.REPEATED
        revoke_grants(connection, grants.c.grant_id == row.grant_id, now)
        return Rotation.REUSED

    def _unused(self, connection: Connection, token: str) -> bool:
        """Whether nobody has used a token's successor: else its answer was not lost."""
        successor = refresh_tokens.c.digest == digest(self.successor(token))
        unused = refresh_tokens.c.consume_time.is_(None)
        return (
            connection.scalar(select(refresh_tokens.c.digest).where(successor, unused)) is not None
        )

    def _insert(
        self, connection: Connection, token: str, grant_id: str, end: Micros, now: Micros
    ) -> None:
        connection.execute(
            insert(refresh_tokens).values(
                digest=digest(token),
                grant_id=grant_id,
                create_time=now,
                expire_time=min(now + self._lifetime, end),
            )
        )
