"""What users have allowed clients for good, so that they are not asked twice."""

from collections.abc import Iterable
from functools import partial

from sqlalchemy import Connection, delete, select, update

from identity.tables import consents
from runtime.clock import Clock, Micros, now_micros
from runtime.database import Database
from runtime.statements import insert_into


class Consents:
    """Remembers the scopes that a user has allowed a client."""

    def __init__(self, database: Database, *, clock: Clock = now_micros) -> None:
        self._database = database
        self._clock = clock

    async def allowed(self, user_id: str, client_id: str) -> frozenset[str]:
        """Return the scopes allowed so far."""
        work = partial(_allowed, user_id=user_id, client_id=client_id)
        return await self._database.read(work, snapshot=False)

    async def allow(self, user_id: str, client_id: str, scopes: Iterable[str]) -> None:
        """Add scopes to those allowed."""
        work = partial(
            _allow, user_id=user_id, client_id=client_id, scopes=set(scopes), now=self._clock()
        )
        await self._database.write(work)

    async def forget(self, user_id: str, client_id: str) -> None:
        """Ask again from now on."""
        await self._database.write(partial(_forget, user_id=user_id, client_id=client_id))


def _allowed(connection: Connection, user_id: str, client_id: str) -> frozenset[str]:
    is_it = (consents.c.user_id == user_id) & (consents.c.client_id == client_id)
    text = connection.execute(select(consents.c.scopes).where(is_it)).scalar()
    return frozenset((text or "").split())


def _allow(
    connection: Connection, user_id: str, client_id: str, scopes: set[str], now: Micros
) -> None:
    """Read and write back, under the row's lock: two tabs add to each other's consent."""
    key = {"user_id": user_id, "client_id": client_id}
    empty = insert_into(consents, connection.dialect.name).values(**key, scopes="", update_time=now)
    connection.execute(empty.on_conflict_do_nothing())
    is_it = (consents.c.user_id == user_id) & (consents.c.client_id == client_id)
    locked = select(consents.c.scopes).where(is_it).with_for_update()
    known = connection.execute(locked).scalar_one()
    text = " ".join(sorted(scopes.union(known.split())))
    connection.execute(update(consents).where(is_it).values(scopes=text, update_time=now))


def _forget(connection: Connection, user_id: str, client_id: str) -> None:
    is_it = (consents.c.user_id == user_id) & (consents.c.client_id == client_id)
    connection.execute(delete(consents).where(is_it))
