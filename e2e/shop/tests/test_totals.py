"""What the carts say they come to, beside what their databases say."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from google.type import money_pb2

from bodega.cart.v1 import cart_pb2, cart_pb2_grpc
from e2e.shop.audit import Account, accounts, count
from e2e.shop.running import RunningShop
from runtime.currencies import EXPONENTS
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


async def listed(carts: Stub) -> dict[str, cart_pb2.Cart]:
    """Return all carts, a few a page, so that there are several pages."""
    found: dict[str, cart_pb2.Cart] = {}
    token = ""
    while True:
        request = cart_pb2.ListCartsRequest(page_size=3, page_token=token)
        page = await carts.ListCarts(request)
        assert not found.keys() & {cart.owner for cart in page.carts}
        found |= {cart.owner: cart for cart in page.carts}
        token = page.next_page_token
        if not token:
            return found


def minor(amount: money_pb2.Money) -> Decimal:
    return Decimal(f"{amount.units}.{amount.nanos:09}").scaleb(EXPONENTS[amount.currency_code])


def said(totals: cart_pb2.CartTotals) -> tuple[Decimal | int, ...]:
    if not totals.item_count:
        # A cart that was made for items still to come: nothing says its currency.
        assert totals == cart_pb2.CartTotals()
        return (0,) * 5
    amounts = (totals.subtotal, totals.discount, totals.total)
    assert len({amount.currency_code for amount in amounts}) == 1
    return totals.item_count, totals.unit_count, *map(minor, amounts)


def stored(account: Account) -> tuple[Decimal | int, ...]:
    return account.lines, account.units, account.subtotal, account.discount, account.total


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
