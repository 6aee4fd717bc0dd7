"""Signing keys in the database."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import cast

from sqlalchemy import Connection, delete, select, update

from identity.keys.algorithms import Algorithm
from identity.keys.key_lifecycle import StoredKey
from identity.tables import clients, signing_keys
from runtime.clock import Micros
from runtime.database import Database
from runtime.statements import insert_into


@dataclass(frozen=True, slots=True)
class KeyTable:
    """All keys, oldest first, and the algorithms that registered clients ask for."""

    keys: tuple[StoredKey, ...]
    asked: frozenset[Algorithm]


class KeyStore:
    """The table of signing keys, which all replicas share."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self) -> KeyTable:
        """Return what there is."""
        return await self._database.read(_read)

    async def add(self, key: StoredKey) -> bool:
        """Add a key; False where another replica has made that generation already."""
        statement = (
            insert_into(signing_keys, self._database.dialect)
            .values(asdict(key))
            .on_conflict_do_nothing(index_elements=["algorithm", "generation"])
            .returning(signing_keys.c.kid)
        )
        return bool(await self._database.write(lambda c: c.execute(statement).all()))

    async def sign_from(self, kid: str, time: Micros) -> bool:
        """Let an announced key sign sooner; False where it does already or is gone."""
        statement = (
            update(signing_keys)
            .where(signing_keys.c.kid == kid, signing_keys.c.sign_time > time)
            .values(sign_time=time)
        )
        return await self._database.write(lambda c: c.execute(statement).rowcount) == 1

    async def raise_token_lifetime(self, lifetime: Micros) -> None:
        """Note that keys may sign tokens that live so long."""
        statement = (
            update(signing_keys)
            .where(signing_keys.c.token_lifetime < lifetime)
            .values(token_lifetime=lifetime)
        )
        await self._database.write(lambda c: c.execute(statement).rowcount)

    async def replace_ciphertext(self, kid: str, before: bytes, after: bytes) -> bool:
        """Put the private key, encrypted anew, in the place of what was read."""
        statement = (
            update(signing_keys)
            .where(signing_keys.c.kid == kid, signing_keys.c.private_key == before)
            .values(private_key=after)
        )
        return await self._database.write(lambda c: c.execute(statement).rowcount) == 1

    async def remove(self, kids: Collection[str]) -> list[str]:
        """Delete keys and return which of them this call deleted."""
        statement = (
            delete(signing_keys).where(signing_keys.c.kid.in_(kids)).returning(signing_keys.c.kid)
        )
        return await self._database.write(lambda c: list(c.scalars(statement)))


def _read(connection: Connection) -> KeyTable:
    rows = connection.execute(
        select(signing_keys).order_by(signing_keys.c.sign_time, signing_keys.c.kid)
    )
    keys = tuple(StoredKey(**row._mapping) for row in rows)  # noqa: SLF001 (its public name)
    asked = connection.scalars(
        select(clients.c.signing_algorithm)
        .where(clients.c.signing_algorithm.is_not(None))
        .distinct()
    )
    return KeyTable(keys, frozenset(cast("Algorithm", each) for each in asked))
