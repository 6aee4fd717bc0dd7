"""The registered clients: kept in the database, remembered for a moment."""

import asyncio
import json
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from sqlalchemy import ColumnElement, Connection, delete, select, update

from identity.clients import client_secrets
from identity.clients.client import CLIENT_ID, Client, parse_client, to_metadata
from identity.clients.client_secrets import Secret
from identity.reason import Reason
from identity.secrets import new_secret
from identity.tables import client_secrets as secrets_table
from identity.tables import clients, consents, grants
from runtime.clock import SECOND, Clock, Micros, now_micros
from runtime.database import Database
from runtime.errors import NotFound
from runtime.statements import insert_into

type Source = Literal["file", "admin"]

# A client that is changed, deleted or given a secret elsewhere is noticed here after this long.
STALENESS: Micros = SECOND
# Also names that no client has are remembered, and anybody can make those up.
_MOST_REMEMBERED = 2048


class Change(StrEnum):
    """What registering a client did."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Registered:
    """A client as it is stored."""

    client: Client
    source: Source
    create_time: Micros
    update_time: Micros


@dataclass(frozen=True, slots=True)
class _Remembered:
    client: Client | None
    secrets: tuple[Secret, ...]
    read_time: Micros


class Clients:
    """Clients and their secrets.

    `get` and `has_secret` answer from memory for a second after a read, and so cost the database
    one read a client a second however many tokens it asks for. Whatever else is asked goes to the
    database. What this object changes, it sees at once.
    """

    def __init__(self, database: Database, clock: Clock = now_micros) -> None:
        self._database = database
        self._clock = clock
        self._remembered: OrderedDict[str, _Remembered] = OrderedDict()
        self._reads: dict[str, asyncio.Task[_Remembered]] = {}

    async def get(self, client_id: str) -> Client | None:
        """Return a client, as it was within the last second."""
        return (await self._remember(client_id)).client

    async def has_secret(self, client_id: str, secret: str) -> bool:
        """Whether a secret is one of the client's, and has not expired."""
        now = self._clock()
        secrets = (await self._remember(client_id)).secrets
        # All of them are compared, so that the time does not tell which one it is.
        return sum(each.matches(secret, now) for each in secrets) > 0

    async def all(self) -> list[Registered]:
        """Return all clients, in the order of their ids."""
        return await self._database.read(lambda c: _select(c, clients.c.client_id.is_not(None)))

    async def read(self, client_id: str) -> Registered | None:
        """Return a client with what is known of its registration."""
        found = await self._database.read(
            lambda c: _select(c, clients.c.client_id == client_id), snapshot=False
        )
        return found[0] if found else None

    async def put(self, client: Client, *, source: Source) -> Change:
        """Register a client, or change what is registered."""
        now = self._clock()
        return await self._write(lambda c: self._put(c, client, source, now))

    async def replace_source(
        self, wanted: Iterable[Client], *, source: Source
    ) -> tuple[dict[str, Change], list[str]]:
        """Register these clients, and delete all others of that source, in one transaction.

        Return what was done to each, and the ids of those deleted.
        """
        wanted = sorted(wanted, key=lambda client: client.client_id)  # One order of locks for all.
        now = self._clock()

        def work(connection: Connection) -> tuple[dict[str, Change], list[str]]:
            changes = {
                client.client_id: self._put(connection, client, source, now) for client in wanted
            }
            ours = connection.scalars(
                select(clients.c.client_id)
                .where(clients.c.source == source, clients.c.client_id.not_in(changes))
                .order_by(clients.c.client_id)
            ).all()
            return changes, [each for each in ours if _delete(connection, each, now)]

        return await self._write(work)

    async def delete(self, client_id: str) -> bool:
        """Delete a client with its secrets and consents, and revoke its grants."""
        now = self._clock()
        return await self._write(lambda c: _delete(c, client_id, now))

    async def secrets(self, client_id: str) -> list[Secret]:
        """Return what is kept of a client's secrets, oldest first."""
        return await self._database.read(
            lambda c: client_secrets.read_secrets(c, client_id), snapshot=False
        )

    async def add_secret(
        self,
        client_id: str,
        secret: str | None = None,
        *,
        expire_time: Micros | None = None,
        others_expire: Micros | None = None,
    ) -> str | None:
        """Give a client one more secret and return it: the only time that a new one is seen.

        One that was made elsewhere is taken; None where it is the client's already.
        `others_expire` is when those that it has until now end. NotFound where there is no such
        client.
        """
        secret = secret or new_secret()
        now = self._clock()

        def work(connection: Connection) -> bool:
            _lock(connection, client_id)
            if client_secrets.has_secret(connection, client_id, secret):
                return False
            if others_expire is not None:
                client_secrets.expire_secrets(connection, client_id, others_expire)
            client_secrets.add_secret(connection, client_id, secret, now, expire_time)
            return True

        return secret if await self._write(work) else None

    async def remove_secret(self, client_id: str, secret_id: str) -> bool:
        """Remove a secret; False where it is not there."""

        def work(connection: Connection) -> bool:
            return any(
                client_secrets.remove_secret(connection, client_id, each.digest)
                for each in client_secrets.read_secrets(connection, client_id)
                if each.secret_id == secret_id
            )

        return await self._write(work)

    def _put(self, connection: Connection, client: Client, source: Source, now: Micros) -> Change:
        values = {
            "metadata": json.dumps(to_metadata(client)),
            "signing_algorithm": client.id_token_signed_response_alg,
            "source": source,
            "update_time": now,
        }
        created = connection.execute(
            insert_into(clients, connection.dialect.name)
            .values(client_id=client.client_id, create_time=now, **values)
            .on_conflict_do_nothing(index_elements=["client_id"])
        ).rowcount
        if created:
            return Change.CREATED
        differs = (clients.c.metadata != values["metadata"]) | (clients.c.source != source)
        updated = connection.execute(
            update(clients).where(clients.c.client_id == client.client_id, differs).values(values)
        ).rowcount
        return Change.UPDATED if updated else Change.UNCHANGED

    async def _write[T](self, work: Callable[[Connection], T]) -> T:
        try:
            return await self._database.write(work)
        finally:
            self._forget()

    def _forget(self) -> None:
        """Forget all, and what reads that have begun will bring."""
        self._remembered = OrderedDict()
        self._reads = {}

    async def _remember(self, client_id: str) -> _Remembered:
        # Strangers write what they like here, also what no database can be asked about.
        if not re.fullmatch(CLIENT_ID, client_id):
            return _Remembered(None, (), 0)
        found = self._remembered.get(client_id)
        if found is not None and 0 <= self._clock() - found.read_time < STALENESS:
            return found
        read = self._reads.get(client_id)
        if read is None:  # Of many that ask at once, one reads.
            read = asyncio.create_task(self._read_to_remember(client_id))
            read.add_done_callback(_look_at_the_error)
            self._reads[client_id] = read
        return await asyncio.shield(read)

    async def _read_to_remember(self, client_id: str) -> _Remembered:
        read_time = self._clock()
        remembered, reads = self._remembered, self._reads
        try:
            client, secrets = await self._database.read(
                lambda c: _select_with_secrets(c, client_id), snapshot=False
            )
        finally:
            reads.pop(client_id, None)
        remembered[client_id] = found = _Remembered(client, secrets, read_time)
        remembered.move_to_end(client_id)
        if len(remembered) > _MOST_REMEMBERED:
            remembered.popitem(last=False)
        return found


def _look_at_the_error(read: asyncio.Task[_Remembered]) -> None:
    """Let nothing be logged of a read that failed after all who waited for it had left."""
    if not read.cancelled():
        read.exception()


def _select(connection: Connection, which: ColumnElement[bool]) -> list[Registered]:
    rows = connection.execute(
        select(clients.c.metadata, clients.c.source, clients.c.create_time, clients.c.update_time)
        .where(which)
        .order_by(clients.c.client_id)
    )
    return [
        Registered(_parse(row.metadata), row.source, row.create_time, row.update_time)
        for row in rows
    ]


def _select_with_secrets(
    connection: Connection, client_id: str
) -> tuple[Client | None, tuple[Secret, ...]]:
    rows = connection.execute(
        select(
            clients.c.metadata,
            secrets_table.c.digest,
            secrets_table.c.create_time,
            secrets_table.c.expire_time,
        )
        .outerjoin_from(clients, secrets_table, clients.c.client_id == secrets_table.c.client_id)
        .where(clients.c.client_id == client_id)
    ).all()
    if not rows:
        return None, ()
    secrets = (Secret(row.digest, row.create_time, row.expire_time) for row in rows if row.digest)
    return _parse(rows[0].metadata), tuple(secrets)


def _parse(metadata: str) -> Client:
    return parse_client(json.loads(metadata))


def _lock(connection: Connection, client_id: str) -> None:
    """Keep others from changing the client until the end of the transaction."""
    locked = connection.scalar(
        select(clients.c.client_id).where(clients.c.client_id == client_id).with_for_update()
    )
    if locked is None:
        raise NotFound(f"there is no client {client_id}", reason=Reason.CLIENT_NOT_FOUND)


def _delete(connection: Connection, client_id: str, now: Micros) -> bool:
    deleted = connection.execute(delete(clients).where(clients.c.client_id == client_id)).rowcount
    connection.execute(delete(secrets_table).where(secrets_table.c.client_id == client_id))
    connection.execute(delete(consents).where(consents.c.client_id == client_id))
    connection.execute(
        update(grants)
        .where(grants.c.client_id == client_id, grants.c.revoke_time.is_(None))
        .values(revoke_time=now)
    )
    return deleted == 1
