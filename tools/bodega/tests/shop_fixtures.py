"""Fixtures: the services of the shop, and who works with them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tools.bodega.tests import shop
from tools.bodega.tests.identity_server import Identity
from tools.bodega.tests.terminal import Terminal


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
