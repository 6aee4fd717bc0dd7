from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.identity.server import Identity, running

pytest_plugins = ["runtime.testing.browser"]


@pytest.fixture(scope="session")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Identity]:
    """Polls and reuse are tested, so neither waits long nor forgives."""
    folder = tmp_path_factory.mktemp("identity")
    with running(folder, "--refresh-grace", "0s", "--device-poll-interval", "1s") as server:
        yield server


@pytest.fixture
def world(identity: Identity, tmp_path: Path) -> Path:
    path = tmp_path / "world.json"
    path.write_text(identity.world())
    return path
