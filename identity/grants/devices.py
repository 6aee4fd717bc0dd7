"""Device codes (RFC 8628): asked for by a device, approved in a browser, redeemed once."""

import secrets
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection, RowMapping, UpdateBase, select, update

from identity.grants.codes import Redeemed
from identity.grants.grants import NewGrant, insert_grant
from identity.grants.live_session import hold_session
from identity.grants.refresh_tokens import RefreshTokens
from identity.model import Grant, Session
from identity.secrets import digest, new_secret
from identity.tables import device_codes
from runtime.clock import SECOND, Clock, Micros, now_micros
from runtime.database import Database
from runtime.statements import insert_into

# No vowels, so that no words appear, and nothing that looks like another (RFC 8628 §6.1).
_ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
_LENGTH = 8

# What a slow_down adds to the interval (RFC 8628 §3.5).
_SLOWER_SECONDS = 5


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """What a device asks for. `state` is pending, approved, denied or consumed."""

    device_code: bytes
    user_code: str
    client_id: str
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    state: str
    user_id: str | None
    sid: str | None
    auth_time: Micros | None
    expire_time: Micros


@dataclass(frozen=True, slots=True)
class Poll:
    """A device's question whether it may go on, and whether it asks too often."""

    request: DeviceRequest
    too_fast: bool


def normalize(user_code: str) -> str:
    """Return a code as it is kept, from however a person typed it."""
    return "".join(letter for letter in user_code.upper() if letter.isascii() and letter.isalnum())


def readable(user_code: str) -> str:
    """Return a code as it is shown: WDJB-MJHT."""
    half = len(user_code) // 2
    return f"{user_code[:half]}-{user_code[half:]}"


class Devices:
    """One store for all replicas."""

    def __init__(
        self,
        database: Database,
        refresh_tokens: RefreshTokens,
        *,
        lifetime: Micros,
        interval_seconds: int,
        clock: Clock = now_micros,
    ) -> None:
        self._database = database
        self._refresh_tokens = refresh_tokens
        self._lifetime = lifetime
        self._clock = clock
        self.interval_seconds = interval_seconds
        self.lifetime_seconds = lifetime // SECOND

    async def start(
        self, client_id: str, scopes: tuple[str, ...], resources: tuple[str, ...]
    ) -> tuple[str, str]:
        """Keep a device's request; return its device code and its user code."""
        device_code = new_secret()
        row = {
            "digest": digest(device_code),
            "client_id": client_id,
            "scopes": " ".join(scopes),
            "resources": " ".join(resources),
            "state": "pending",
            "interval": self.interval_seconds,
            "expire_time": self._clock() + self._lifetime,
        }
        while True:
            user_code = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
            keep = insert_into(device_codes, self._database.dialect).values(row)
            unless_taken = keep.values(user_code=user_code).on_conflict_do_nothing()
            if await self._database.write(partial(_count, statement=unless_taken)):
                return device_code, user_code

    async def poll(self, device_code: str, client_id: str) -> Poll | None:
        """Note that a device asks; None for a code that is unknown or another client's."""
        now, columns = self._clock(), device_codes.c
        row = (columns.digest == digest(device_code), columns.client_id == client_id)

        def work(connection: Connection) -> Poll | None:
            # The row is locked first, so of two polls at a time one sees the other.
            locked = select(device_codes).where(*row).with_for_update()
            seen = connection.execute(locked).mappings().first()
            if seen is None:
                return None
            due = (seen["poll_time"] or 0) + seen["interval"] * SECOND
            too_fast = now < due
            slower = columns.interval + _SLOWER_SECONDS if too_fast else columns.interval
            connection.execute(
                update(device_codes).where(*row).values(poll_time=now, interval=slower)
            )
            return Poll(_to_request(seen), too_fast)

        return await self._database.write(work)

    async def pending(self, user_code: str) -> DeviceRequest | None:
        """Return the request that a user typed the code of, while it waits for an answer."""
        query = select(device_codes).where(
            device_codes.c.user_code == normalize(user_code),
            device_codes.c.state == "pending",
            device_codes.c.expire_time > self._clock(),
        )
        row = await self._database.read(
            lambda c: c.execute(query).mappings().first(), snapshot=False
        )
        return None if row is None else _to_request(row)

    async def approve(self, user_code: str, session: Session) -> bool:
        """Let the device act for the session's user; False where it no longer waits.

        SessionEnded where the session was ended meanwhile.
        """
        answer = self._answer(
            user_code,
            state="approved",
            user_id=session.user_id,
            sid=session.sid,
            auth_time=session.auth_time,
        )

        def work(connection: Connection) -> bool:
            hold_session(connection, session.sid)
            return _count(connection, answer) == 1

        return await self._database.write(work)

    async def deny(self, user_code: str) -> bool:
        """Refuse the device; False where it no longer waits."""
        denial = partial(_count, statement=self._answer(user_code, state="denied"))
        return await self._database.write(denial) == 1

    async def redeem(
        self, request: DeviceRequest, new: NewGrant, *, refresh: bool
    ) -> tuple[Grant, Redeemed] | None:
        """Use a device code up and begin its family, in one transaction; None where it was used."""
        now = self._clock()

        def work(connection: Connection) -> tuple[Grant, Redeemed] | None:
            consumed = connection.execute(
                update(device_codes)
                .where(
                    device_codes.c.digest == request.device_code,
                    device_codes.c.state == "approved",
                    device_codes.c.expire_time > now,
                )
                .values(state="consumed")
            )
            if consumed.rowcount != 1:
                return None
            grant = insert_grant(connection, new, now)
            token = None
            if refresh:
                token = self._refresh_tokens.insert_first(connection, grant, now)
            return grant, Redeemed(token)

        return await self._database.write(work)

    def _answer(self, user_code: str, **values: str | int | None) -> UpdateBase:
        return (
            update(device_codes)
            .where(
                device_codes.c.user_code == normalize(user_code),
                device_codes.c.state == "pending",
                device_codes.c.expire_time > self._clock(),
            )
            .values(**values)
        )


def _count(connection: Connection, statement: UpdateBase) -> int:
    return connection.execute(statement).rowcount


def _to_request(fields: RowMapping) -> DeviceRequest:
    columns = device_codes.c
    return DeviceRequest(
        device_code=fields[columns.digest],
        user_code=fields[columns.user_code],
        client_id=fields[columns.client_id],
        scopes=tuple(fields[columns.scopes].split()),
        resources=tuple(fields[columns.resources].split()),
        state=fields[columns.state],
        user_id=fields[columns.user_id],
        sid=fields[columns.sid],
        auth_time=fields[columns.auth_time],
        expire_time=fields[columns.expire_time],
    )
