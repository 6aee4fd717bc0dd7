"""The garbage collector of a test that runs a server in its own process."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture
def unfrozen() -> Iterator[None]:
    """Undo what a server does to the garbage collector when it serves for good."""
    yield
    gc.unfreeze()
