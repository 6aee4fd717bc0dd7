"""Authorization codes: each is redeemed once, for the first tokens of one grant."""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from identity.grants.grants import NewGrant, insert_grant, is_live, revoke_grants, to_grant
from identity.grants.live_session import hold_session
from identity.grants.pushed_requests import use_up
from identity.grants.refresh_tokens import RefreshTokens
from identity.model import Grant
from identity.secrets import digest, new_secret
from identity.tables import authorization_codes, grants
from runtime.clock import Clock, Micros, now_micros
from runtime.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What must be shown along with a code."""

    redirect_uri: str
    code_challenge: str
    nonce: str | None = None
    dpop_jkt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A code that was presented, with its grant."""

    code: str
    grant: Grant
    redirect_uri: str
    code_challenge: str
    nonce: str | None
    dpop_jkt: str | None
    expire_time: Micros
    consumed: bool


class Codes:
    """One store for all replicas."""

    def __init__(
        self,
        database: Database,
        refresh_tokens: RefreshTokens,
        *,
        lifetime: Micros,
        clock: Clock = now_micros,
    ) -> None:
        self._database = database
        self._refresh_tokens = refresh_tokens
        self._lifetime = lifetime
        self._clock = clock

    async def issue(
        self, new: NewGrant, binding: Binding, request_uri: str | None = None
    ) -> str | None:
        """Keep a new grant with its code; None where its pushed request was used up meanwhile.

        SessionEnded where its session was: then nothing is used up.
        """
        now, code = self._clock(), new_secret()

        def work(connection: Connection) -> bool:
            hold_session(connection, new.sid)
            if request_uri is not None and not use_up(connection, request_uri):
                return False
            grant = insert_grant(connection, new, now)
            connection.execute(
                insert(authorization_codes).values(
                    digest=digest(code),
                    grant_id=grant.grant_id,
                    client_id=grant.client_id,
                    redirect_uri=binding.redirect_uri,
                    code_challenge=binding.code_challenge,
                    nonce=binding.nonce,
                    dpop_jkt=binding.dpop_jkt,
                    expire_time=now + self._lifetime,
                )
            )
            return True

        return code if await self._database.write(work) else None

    async def find(self, code: str, client_id: str) -> Code | None:
        """Return a client's code, in whatever state; None for what is unknown or another's."""
        query = (
            select(authorization_codes, grants)
            .join(grants, grants.c.grant_id == authorization_codes.c.grant_id)
            .where(
                authorization_codes.c.digest == digest(code),
                authorization_codes.c.client_id == client_id,
            )
        )
        fields = await self._database.read(
            lambda c: c.execute(query).mappings().first(), snapshot=False
        )
        if fields is None:
            return None
        columns = authorization_codes.c
        return Code(
            code=code,
            grant=to_grant(fields),
            redirect_uri=fields[columns.redirect_uri],
            code_challenge=fields[columns.code_challenge],
            nonce=fields[columns.nonce],
            dpop_jkt=fields[columns.dpop_jkt],
            expire_time=fields[columns.expire_time],
            consumed=fields[columns.consume_time] is not None,
        )

    async def redeem(self, code: Code, *, refresh: bool, jkt: str | None) -> Redeemed | None:
        """Use a code up and begin its family, in one transaction.

        None where it was used before (then its grant is revoked: RFC 6749 §4.1.2), has expired, or
        is of a grant that was revoked. `refresh`: with a refresh token. `jkt`: the key that the
        family's refresh tokens are bound to.
        """
        now = self._clock()

        def work(connection: Connection) -> Redeemed | None:
            if not _consume(connection, code, now):
                return None
            if jkt is not None:
                bound = update(grants).where(grants.c.grant_id == code.grant.grant_id)
                connection.execute(bound.values(dpop_jkt=jkt))
            token = None
            if refresh:
                token = self._refresh_tokens.insert_first(connection, code.grant, now)
            return Redeemed(token)

        return await self._database.write(work)


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What a code, or a device code, was exchanged for, beside the access token."""

    refresh_token: str | None


def _consume(connection: Connection, code: Code, now: Micros) -> bool:
    """Use a code up; where somebody has, revoke what was issued upon it."""
    row = authorization_codes.c.digest == digest(code.code)
    consumed = connection.execute(
        update(authorization_codes)
        .where(
            row,
            authorization_codes.c.consume_time.is_(None),
            authorization_codes.c.expire_time > now,
            is_live(authorization_codes.c.grant_id, now),
        )
        .values(consume_time=now)
    )
    if consumed.rowcount == 1:
        return True
    if connection.scalar(select(authorization_codes.c.consume_time).where(row)) is not None:
        revoke_grants(connection, grants.c.grant_id == code.grant.grant_id, now)
    return False
