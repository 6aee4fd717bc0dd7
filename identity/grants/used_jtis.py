"""The `jti` of every client assertion and DPoP proof seen: each is good once (RFC 7523, 9449)."""

from sqlalchemy import Connection

from identity.secrets import digest
from identity.tables import used_jtis
from runtime.clock import Micros
from runtime.database import Database
from runtime.statements import insert_into


class UsedJtis:
    """One store for all replicas."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def use(self, owner: str, jti: str, expire_time: Micros) -> bool:
        """Return True to the first alone who uses this `jti` of this owner."""
        # Whatever characters it has, and however many: its digest can be kept.
        row = {"owner": owner, "jti": digest(jti), "expire_time": expire_time}
        keep = insert_into(used_jtis, self._database.dialect).values(row)

        def work(connection: Connection) -> bool:
            return connection.execute(keep.on_conflict_do_nothing()).rowcount == 1

        return await self._database.write(work)
