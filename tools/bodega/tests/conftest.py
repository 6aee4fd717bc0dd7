from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tools.bodega.tests import shop
from tools.bodega.tests.browser import Browser
from tools.bodega.tests.logins import log_in
from tools.bodega.tests.shop import Identity
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
    async with shop.identity(folder, device_poll_interval="1s", refresh_grace="0s") as served:
        yield served


@pytest.fixture
async def product(tmp_path: Path, identity: Identity) -> AsyncIterator[str]:
    async with shop.product(tmp_path, identity.url) as address:
        yield address


@pytest.fixture
async def discount(tmp_path: Path, identity: Identity) -> AsyncIterator[str]:
    async with shop.discount(tmp_path, identity.url) as address:
        yield address


@pytest.fixture
async def cart(
    tmp_path: Path, identity: Identity, product: str, discount: str
) -> AsyncIterator[str]:
    async with shop.cart(tmp_path, identity, product, discount) as address:
        yield address


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


@pytest.fixture
async def operator(terminal: Terminal, identity: Identity, product: str) -> Terminal:
    """With whoever runs the shop logged in."""
    made = terminal.at("--profile", "operator", "--product", product)
    secret = str(identity.secret_file("operator"))
    await made.fine("login", "--client-id", "operator", "--secret-file", secret)
    return made


@pytest.fixture
async def manager(operator: Terminal, cart: str, discount: str) -> Terminal:
    """With whoever runs the whole shop, which has two products and a code."""
    made = operator.at("--cart", cart, "--discount", discount)
    create = ("products", "create", "--name")
    await made.fine(*create, "Chair", "--sku", "chair", "--price", "12.50EUR")
    await made.fine(*create, "Table", "--sku", "table", "--price", "99EUR")
    await made.fine("discounts", "create", "SUMMER", "--percent", "10")
    return made


@pytest.fixture
def customer(alice: Terminal, manager: Terminal, cart: str, product: str) -> Terminal:
    """With a user logged in, in front of the same shop."""
    return alice.at("--cart", cart, "--product", product)
