from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from workers.sources.catalogue import CatalogueFile
from workers.sources.fields import FieldMap
from workers.sources.record import BadRow, Record
from workers.tests.gate import Gate
from workers.tests.processes import ProductServers
from workers.tests.reading import ReadAll


@pytest.fixture
def read(tmp_path: Path) -> ReadAll:
    """Give all that a file with this content holds."""

    def read(name: str, content: bytes, **fields: Any) -> list[Record | BadRow]:
        path = tmp_path / name
        path.write_bytes(content)
        with CatalogueFile(path) as file:
            return list(file.read(FieldMap(**fields)))

    return read


@pytest.fixture
async def gate() -> AsyncIterator[Gate]:
    async with Gate.running() as gate:
        yield gate


@pytest.fixture
async def product_servers(tmp_path: Path) -> AsyncIterator[ProductServers]:
    async with AsyncExitStack() as stack:
        yield ProductServers(tmp_path, stack)
