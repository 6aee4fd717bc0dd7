"""The servers of the shop without the rest: they trust an issuer whose keys a test holds."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from e2e.shop.running import RunningShop, running_shop
from runtime.testing.issuer import LoopbackIssuer
from tools.shop.parts import PARTS

SERVERS = ("product", "discount", "cart")


def audience(server: str) -> str:
    """Return what tokens for a server name as their audience."""
    return f"urn:bodega:{server}"


@asynccontextmanager
async def guarded_servers(
    data: Path, issuer: LoopbackIssuer, engine: str
) -> AsyncIterator[RunningShop]:
    """Run the servers on one engine, healthy; the issuer knows the client `cart`."""
    by_name = {part.name: part for part in PARTS}
    identity = by_name["identity"].listens
    assert identity is not None
    parts = [
        replace(by_name[name], needs=[need for need in by_name[name].needs if need in SERVERS])
        for name in SERVERS
    ]
    secrets = data / "clients"
    secrets.mkdir(0o700)
    issuer.write_secret(secrets, "cart")
    env = {f"BODEGA_{name.upper()}_ENGINE": engine for name in SERVERS}
    elsewhere = {identity: issuer.url.removeprefix("http://")}
    async with running_shop(data, env, parts=parts, elsewhere=elsewhere) as shop:
        await shop.healthy()
        yield shop
