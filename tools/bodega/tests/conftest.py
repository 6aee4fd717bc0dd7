from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tools.bodega.tests import identity_server
from tools.bodega.tests.browser import Browser
from tools.bodega.tests.identity_server import Identity
from tools.bodega.tests.logins import log_in
from tools.bodega.tests.terminal import Terminal


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let no setting of whoever runs the tests reach the program."""
    for name in ("FORCE_COLOR", "COLUMNS", "BUILD_WORKING_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TZ", "UTC")


@pytest.fixture
def quiet() -> Iterator[None]:
    """Keep what the servers log, in this same process, out of what the program prints."""
    with capture_logs():
        yield


@pytest.fixture
async def identity(tmp_path: Path, clean_environment: None, quiet: None) -> AsyncIterator[Identity]:
    folder = tmp_path / "identity"
    folder.mkdir(mode=0o700)
    async with identity_server.identity(
        folder, device_poll_interval="1s", refresh_grace="0s"
    ) as served:
        yield served


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with Browser() as opened:
        yield opened


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str], tmp_path: Path, identity: Identity) -> Terminal:
    """With the issuer, and nobody logged in."""
    return Terminal(capsys, tmp_path / "state", "--issuer", identity.url)


@pytest.fixture
async def alice(terminal: Terminal, identity: Identity) -> Terminal:
    """With a user logged in."""
    await log_in(identity, terminal.state)
    return terminal
