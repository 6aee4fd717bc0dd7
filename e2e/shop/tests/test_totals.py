"""What the carts say they come to, beside what their databases say."""

from collections.abc import AsyncIterator

import pytest

from bodega.cart.v1 import cart_pb2, cart_pb2_grpc
from e2e.shop.audit import accounts, count
from e2e.shop.running import RunningShop
from e2e.shop.totals import listed, minor, said, stored
from runtime.testing.waiting import eventually
from tools.shop.summary import faults

pytestmark = pytest.mark.integration

CART = cart_pb2.DESCRIPTOR.services_by_name["CartService"]
CUSTOMERS = 7

type Stub = cart_pb2_grpc.CartServiceAsyncStub


@pytest.fixture
async def carts(shop: RunningShop) -> AsyncIterator[Stub]:
    async with (
        shop.tokens("urn:bodega:cart", "carts", "carts.manage") as tokens,
        shop.channel("cart", CART, tokens) as channel,
    ):
        yield cart_pb2_grpc.CartServiceStub(channel)


async def customers(shop: RunningShop) -> None:
    """Wait until enough of them have a cart."""
    path = shop.database("cart")
    await eventually(lambda: count(path, "SELECT count(*) FROM carts") >= CUSTOMERS, 60)


async def test_the_totals_of_all_carts_are_those_of_their_database(
    shop: RunningShop, carts: Stub
) -> None:
    await customers(shop)
    with shop.paused("cart-worker"):
        # The batch that it sent last may still be on its way into the database.
        expected, found = None, {}
        while expected != (expected := accounts(shop.database("cart"), shop.database("discount"))):
            found = await listed(carts)
        assert {owner: said(cart.totals) for owner, cart in found.items()} == {
            owner: stored(account) for owner, account in expected.items()
        }
        for owner, cart in found.items():
            whole = (await carts.GetCart(cart_pb2.GetCartRequest(owner=owner))).cart
            assert whole.totals == cart.totals
            assert sum(minor(item.total) for item in whole.items) == expected[owner].total
            currencies = {item.list_price.currency_code for item in whole.items}
            assert currencies == expected[owner].currencies


async def test_a_busy_shop_has_no_fault(shop: RunningShop) -> None:
    await customers(shop)
    await shop.look()
    assert faults(shop.statuses) == []
