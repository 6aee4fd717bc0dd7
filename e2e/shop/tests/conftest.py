from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from e2e.shop.running import BUSY, RunningShop, running_shop

type Start = Callable[..., AbstractAsyncContextManager[RunningShop]]


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
