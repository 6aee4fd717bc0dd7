from collections.abc import Callable

from sqlalchemy import Connection

from runtime.database import Database


class CountingDatabase:
    """Counts the reads that reach a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.dialect = database.dialect
        self.reads = 0

    async def read[T](self, work: Callable[[Connection], T], *, snapshot: bool = True) -> T:
        self.reads += 1
        return await self._database.read(work, snapshot=snapshot)

    async def write[T](self, work: Callable[[Connection], T]) -> T:
        return await self._database.write(work)

    async def check(self) -> None:
        await self._database.check()

    async def close(self) -> None:
        await self._database.close()
