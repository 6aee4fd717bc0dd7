from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from runtime.testing.issuer import LoopbackIssuer
from workers.sources.catalogue import CatalogueFile
from workers.sources.fields import FieldMap
from workers.sources.record import BadRow, Record
from workers.tests.gate import Gate
from workers.tests.processes import CartServers, ProductServers
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
def issuer() -> Iterator[LoopbackIssuer]:
    with LoopbackIssuer(
        dict.fromkeys(("cart", "cart-worker", "product-worker"), "s3cret")
    ) as served:
        yield served


@pytest.fixture
def token_flags(issuer: LoopbackIssuer, tmp_path: Path) -> tuple[str, ...]:
    """What the worker needs to get tokens."""
    file = issuer.write_secret(tmp_path, "product-worker")
    return ("--issuer", issuer.url, "--client-secret-file", str(file))


@pytest.fixture
async def product_servers(tmp_path: Path, issuer: LoopbackIssuer) -> AsyncIterator[ProductServers]:
    async with AsyncExitStack() as stack:
        yield ProductServers(tmp_path, stack, issuer)


@pytest.fixture
async def cart_servers(tmp_path: Path, issuer: LoopbackIssuer) -> AsyncIterator[CartServers]:
    async with AsyncExitStack() as stack:
        yield CartServers(tmp_path, stack, issuer)
