"""What has expired is forgotten, and nothing else."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from identity.tables import metadata
from identity.tests.provider import Provider, provider_on, request_for
from identity.tests.times import HandClock
from identity.upkeep import purge_all, purge_for_ever, purges_of_expired
from runtime.database import Database
from runtime.errors import Unavailable
from runtime.reason import Reason

EXPIRING = {
    "grants", "authorization_codes", "refresh_tokens", "revoked_access_tokens", "device_codes",
    "pushed_requests", "used_jtis",
}  # fmt: skip


async def rows(database: Database) -> set[str]:
    """Return the names of the tables, of those that expire, which have rows."""
    tables = [table for table in metadata.sorted_tables if table.name in EXPIRING]

    async def count(name: str) -> int:
        query = select(func.count()).select_from(metadata.tables[name])
        return await database.read(lambda c: c.scalar(query) or 0)

    return {table.name for table in tables if await count(table.name)}


async def fill(provider: Provider) -> None:
    tokens = await provider.tokens()
    await provider.post("/revoke", "web", token=tokens["access_token"])
    await provider.post("/par", "web", **dict(request_for()[1:]))
    await provider.post("/device_authorization", None, client_id="app")


async def test_what_has_expired_is_forgotten_and_nothing_else(
    database: Database, tmp_path: Path, clock: HandClock
) -> None:
    purges = purges_of_expired(database, clock)
    async with provider_on(database, tmp_path, clock) as provider:
        await fill(provider)
        await provider.parts.jtis.use("dpop:x", "1", clock() + 1_000_000)
        assert await rows(database) == EXPIRING
        assert await purge_all(purges) == 0
        clock.advance(timedelta(minutes=10))
        await purge_all(purges)
        assert await rows(database) == {
            "grants", "authorization_codes", "refresh_tokens", "device_codes",
        }  # fmt: skip
        clock.advance(timedelta(days=89))
        await purge_all(purges)
        assert await rows(database) == {"grants"}
        clock.advance(timedelta(days=1))
        await purge_all(purges)
        assert await rows(database) == set()


async def test_many_rows_go_a_few_at_a_time(
    database: Database, tmp_path: Path, clock: HandClock
) -> None:
    async with provider_on(database, tmp_path, clock) as provider:
        for number in range(7):
            await provider.parts.jtis.use("dpop:x", str(number), clock())
    [purge] = [each for each in purges_of_expired(database, clock) if _is_of(each, "used_jtis")]
    assert [await purge(3) for _ in range(4)] == [3, 3, 1, 0]


def _is_of(purge: object, name: str) -> bool:
    keywords: dict[str, object] = getattr(purge, "keywords", {})
    return getattr(keywords.get("table"), "name", None) == name


async def test_upkeep_goes_on_after_a_failure() -> None:
    calls: list[str] = []

    async def purge(_limit: int) -> int:
        calls.append("purge")
        match len(calls):
            case 1:
                raise Unavailable("the database is away", reason=Reason.DATABASE_AWAY)
            case 2:
                raise RuntimeError("a bug")
            case _:
                return 0

    class EnoughError(Exception):
        pass

    async def wait(_seconds: float) -> None:
        if len(calls) == 3:
            raise EnoughError

    with pytest.raises(EnoughError):
        await purge_for_ever([purge], wait)
    assert len(calls) == 3
