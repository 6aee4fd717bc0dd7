"""A database on loopback for each test."""

from collections.abc import Iterator

import pytest

from bazel.audit.tests.database import Database, serve


@pytest.fixture
def database() -> Iterator[Database]:
    with serve() as served:
        yield served
