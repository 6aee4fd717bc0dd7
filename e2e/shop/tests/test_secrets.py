"""What the shop logs opens nothing, however much it is asked to log."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from e2e.shop.audit import count
from e2e.shop.guarded import SERVERS, audience
from e2e.shop.running import BUSY, RunningShop, running_shop
from e2e.shop.tests.walk import walking
from runtime.testing.waiting import eventually
from tools.shop.parts import PARTS

pytestmark = pytest.mark.integration

TOKEN = re.compile(r"eyJ[\w-]{8,}")
LOUD = {f"BODEGA_{part.name.upper().replace('-', '_')}_LOG_LEVEL": "debug" for part in PARTS}


@pytest.fixture
async def loud_shop(data: Path) -> AsyncIterator[RunningShop]:
    async with running_shop(data, BUSY | LOUD) as shop:
        await shop.healthy()
        yield shop


def secrets_of(data: Path) -> set[str]:
    """All that the identity server keeps in files."""
    files = [*(data / "clients").glob("*.secret"), data / "identity.key"]
    return {line for file in files for line in file.read_text().split()}


async def test_no_secret_and_no_token_gets_into_any_log(loud_shop: RunningShop) -> None:
    carts = loud_shop.database("cart")
    await eventually(lambda: count(carts, "SELECT count(*) FROM cart_items") > 0, 60)
    async with loud_shop.tokens(audience("cart"), "carts") as tokens:
        issued = await tokens.token()
    with walking(loud_shop) as walk:
        refusals = await walk.refusals({"product": issued, "discount": issued, "cart": "garbage"})
    assert {code for code, _ in refusals.values()} == {grpc.StatusCode.UNAUTHENTICATED}
    secrets = secrets_of(loud_shop.data)
    assert len(secrets) >= len(SERVERS) + 2
    logs = {file.name: file.read_text() for file in (loud_shop.data / "logs").iterdir()}
    assert logs.keys() == {f"{name}.log" for name in loud_shop.names}
    assert any("debug" in text for text in logs.values())
    for name, text in logs.items():
        assert not TOKEN.search(text), name
        assert not [secret for secret in secrets if secret in text], name
