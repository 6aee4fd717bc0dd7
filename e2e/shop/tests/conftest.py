from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from e2e.shop.running import RunningShop, running_shop

type Start = Callable[..., AbstractAsyncContextManager[RunningShop]]

# The workers at ten times their pace, in a small catalogue.
BUSY = {
    "BODEGA_PRODUCT_WORKER_INTERVAL": "300ms",
    "BODEGA_PRODUCT_WORKER_BATCH": "200",
    "BODEGA_PRODUCT_WORKER_CATALOGUE_SIZE": "1000",
    "BODEGA_CART_WORKER_INTERVAL": "50ms",
    "BODEGA_CART_WORKER_VISITS": "3",
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(0o700)
    return folder


@pytest.fixture
async def shop(data: Path) -> AsyncIterator[RunningShop]:
    """The whole shop, healthy and busy."""
    async with running_shop(data, BUSY) as running:
        await running.healthy()
        yield running
