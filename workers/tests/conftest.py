"""What the tests of the worker share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workers.sources.catalogue import CatalogueFile
from workers.sources.fields import FieldMap
from workers.sources.record import BadRow, Record

type ReadAll = Callable[..., list[Record | BadRow]]


@pytest.fixture
def read(tmp_path: Path) -> ReadAll:
    """Give all that a file with this content holds."""

    def read(name: str, content: bytes, **fields: Any) -> list[Record | BadRow]:
        path = tmp_path / name
        path.write_bytes(content)
        with CatalogueFile(path) as file:
            return list(file.read(FieldMap(**fields)))

    return read
