"""Keys rotate while tokens are issued and RPCs verified, and no call fails."""

import asyncio
from pathlib import Path

import httpx
import pytest

from e2e.rotation.callers import Load, by_hand, with_a_source
from e2e.rotation.servers import CLIENT, identity, product
from runtime.engine import Engine

pytestmark = pytest.mark.integration

ROTATIONS = [3, pytest.param(10, marks=pytest.mark.soak)]


async def rotate_under_load(
    home: Path, engine: Engine, database: str, *, replicas: int, rotations: int
) -> None:
    async with (
        identity(home, database, replicas=replicas) as issuer,
        product(home, issuer, engine) as address,
    ):
        load = Load(issuer, home / "clients" / f"{CLIENT}.secret", address, rotations)
        async with asyncio.timeout(120), asyncio.TaskGroup() as group:
            for caller in (with_a_source, by_hand):
                for _ in range(2):
                    group.create_task(caller(load))
        published = await jwks(issuer)
    # It has verified a token of each, so all of these were among the keys that it was told.
    assert set(load.signers) <= published


async def jwks(issuer: str) -> set[str]:
    """Return the keys that the issuer publishes: those that have retired as well."""
    async with httpx.AsyncClient(timeout=60) as http:
        metadata = (await http.get(f"{issuer}/.well-known/openid-configuration")).json()
        keys = (await http.get(metadata["jwks_uri"])).json()["keys"]
    return {key["kid"] for key in keys}


@pytest.mark.parametrize("rotations", ROTATIONS)
async def test_keys_rotate_and_no_call_fails(
    engine: Engine, sqlite_url: str, tmp_path: Path, rotations: int
) -> None:
    await rotate_under_load(tmp_path, engine, sqlite_url, replicas=1, rotations=rotations)


@pytest.mark.parametrize("rotations", ROTATIONS)
async def test_keys_rotate_on_two_replicas_and_no_call_fails(
    engine: Engine, postgres_url: str, tmp_path: Path, rotations: int
) -> None:
    await rotate_under_load(tmp_path, engine, postgres_url, replicas=2, rotations=rotations)
