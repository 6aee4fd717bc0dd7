"""Grants: what users have allowed clients, and the end of it.

All that is issued upon a grant falls with it: its codes and refresh tokens at once, its access
tokens wherever somebody asks (introspection, userinfo).
"""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    RowMapping,
    and_,
    bindparam,
    exists,
    insert,
    select,
    update,
)
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from identity.model import Grant
from identity.tables import device_codes, grants, revoked_access_tokens
from runtime.clock import Clock, Micros, now_micros
from runtime.database import Database
from runtime.statements import insert_into

OFFLINE = "offline_access"

# The columns that grants and approved devices have in common: who, for whom, in which session.
type Row = ReadOnlyColumnCollection[str, Column[Any]]
type Which = Callable[[Row], ColumnElement[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewGrant:
    """A grant to be."""

    client_id: str
    user_id: str
    sid: str | None
    scopes: Sequence[str]
    resources: Sequence[str]
    auth_time: Micros
    expire_time: Micros
    dpop_jkt: str | None = None


def insert_grant(connection: Connection, new: NewGrant, now: Micros) -> Grant:
    """Keep a new grant."""
    grant = Grant(
        grant_id=str(uuid.uuid4()),
        client_id=new.client_id,
        user_id=new.user_id,
        sid=new.sid,
        scopes=tuple(new.scopes),
        resources=tuple(new.resources),
        auth_time=new.auth_time,
        dpop_jkt=new.dpop_jkt,
        expire_time=new.expire_time,
        revoked=False,
    )
    connection.execute(
        insert(grants).values(
            grant_id=grant.grant_id,
            client_id=grant.client_id,
            user_id=grant.user_id,
            sid=grant.sid,
            scopes=" ".join(grant.scopes),
            resources=" ".join(grant.resources),
            auth_time=grant.auth_time,
            dpop_jkt=grant.dpop_jkt,
            create_time=now,
            expire_time=grant.expire_time,
        )
    )
    return grant


def revoke_grants(connection: Connection, which: ColumnElement[bool], now: Micros) -> int:
    """Revoke those that are not yet; return how many that were."""
    live = and_(which, grants.c.revoke_time.is_(None))
    return connection.execute(update(grants).where(live).values(revoke_time=now)).rowcount


def withdraw_approvals(connection: Connection, which: ColumnElement[bool]) -> None:
    """Deny the devices that were approved but have not fetched their tokens: they have no grant."""
    approved = and_(which, device_codes.c.state == "approved")
    connection.execute(update(device_codes).where(approved).values(state="denied"))


def end_session_grants(connection: Connection, sid: str, now: Micros) -> None:
    """Revoke what was granted in a session, but for what is meant to outlive it."""

    def which(row: Row) -> ColumnElement[bool]:
        # Names of scopes have no wildcards, so padded with spaces they are found whole.
        offline = (" " + row.scopes + " ").contains(f" {OFFLINE} ", autoescape=True)
        return and_(row.sid == sid, ~offline)

    _revoke(connection, which, now)


def is_live(grant_id: ColumnElement[str], now: Micros) -> ColumnElement[bool]:
    """Whether the grant that a row of another table names may still be used."""
    return exists().where(
        grants.c.grant_id == grant_id, grants.c.revoke_time.is_(None), grants.c.expire_time > now
    )


def to_grant(fields: RowMapping) -> Grant:
    """Read a row with the columns of `grants`."""
    return Grant(
        grant_id=fields[grants.c.grant_id],
        client_id=fields[grants.c.client_id],
        user_id=fields[grants.c.user_id],
        sid=fields[grants.c.sid],
        scopes=tuple(fields[grants.c.scopes].split()),
        resources=tuple(fields[grants.c.resources].split()),
        auth_time=fields[grants.c.auth_time],
        dpop_jkt=fields[grants.c.dpop_jkt],
        expire_time=fields[grants.c.expire_time],
        revoked=fields[grants.c.revoke_time] is not None,
    )


# Asked at every introspection, so they are made once: to make one takes longer than to run it.
_TOKEN_IS_LIVE = select(~exists().where(revoked_access_tokens.c.jti == bindparam("jti")))
_TOKEN_AND_GRANT_ARE_LIVE = select(
    and_(
        ~exists().where(revoked_access_tokens.c.jti == bindparam("jti")),
        exists().where(grants.c.grant_id == bindparam("grant_id"), grants.c.revoke_time.is_(None)),
    )
)


class Grants:
    """The grants as a whole: they end here; they begin where a code or device is redeemed."""

    def __init__(self, database: Database, clock: Clock = now_micros) -> None:
        self._database = database
        self._clock = clock

    async def find(self, grant_id: str) -> Grant | None:
        """Return a grant, revoked or not."""
        query = select(grants).where(grants.c.grant_id == grant_id)
        row = await self._database.read(
            lambda c: c.execute(query).mappings().first(), snapshot=False
        )
        return None if row is None else to_grant(row)

    async def revoke(self, grant_id: str) -> bool:
        """Revoke a grant; return False where there is no live one."""
        now, which = self._clock(), grants.c.grant_id == grant_id
        return await self._database.write(lambda c: revoke_grants(c, which, now)) > 0

    async def revoke_client_user(self, client_id: str, user_id: str) -> int:
        """Revoke all that a user granted a client."""
        return await self._revoke(
            lambda row: and_(row.user_id == user_id, row.client_id == client_id)
        )

    async def revoke_user(self, user_id: str) -> int:
        """Revoke all that a user granted anybody."""
        return await self._revoke(lambda row: row.user_id == user_id)

    async def revoke_client(self, client_id: str) -> int:
        """Revoke all that anybody granted a client."""
        return await self._revoke(lambda row: row.client_id == client_id)

    async def revoke_access_token(self, jti: str, expire_time: Micros) -> None:
        """Remember until it would expire that one access token is not to be honoured."""
        row = {"jti": jti, "expire_time": expire_time}
        keep = insert_into(revoked_access_tokens, self._database.dialect).values(row)
        await self._database.write(lambda c: c.execute(keep.on_conflict_do_nothing()).rowcount)

    async def access_token_is_live(self, jti: str, grant_id: str | None) -> bool:
        """Whether neither an access token itself nor the grant it stands upon was revoked."""
        query = _TOKEN_IS_LIVE if grant_id is None else _TOKEN_AND_GRANT_ARE_LIVE
        values = {"jti": jti, "grant_id": grant_id}
        return bool(await self._database.read(lambda c: c.scalar(query, values), snapshot=False))

    async def _revoke(self, which: Which) -> int:
        return await self._database.write(partial(_revoke, which=which, now=self._clock()))


def _revoke(connection: Connection, which: Which, now: Micros) -> int:
    withdraw_approvals(connection, which(device_codes.c))
    return revoke_grants(connection, which(grants.c), now)
