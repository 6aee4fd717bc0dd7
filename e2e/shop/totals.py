"""What the carts say that they come to, in the terms of `audit.py`."""

from decimal import Decimal

from google.type import money_pb2

from bodega.cart.v1 import cart_pb2, cart_pb2_grpc
from e2e.shop.audit import Account
from runtime.currencies import EXPONENTS

# A few, so that there are several pages.
_PAGE = 3

type Totals = tuple[Decimal | int, ...]


async def listed(
    carts: cart_pb2_grpc.CartServiceAsyncStub, page_size: int = _PAGE
) -> dict[str, cart_pb2.Cart]:
    """Return all carts by owner, each of which must be on one page only."""
    found: dict[str, cart_pb2.Cart] = {}
    token = ""
    while True:
        request = cart_pb2.ListCartsRequest(page_size=page_size, page_token=token)
        page = await carts.ListCarts(request)
        assert not found.keys() & {cart.owner for cart in page.carts}
        found |= {cart.owner: cart for cart in page.carts}
        token = page.next_page_token
        if not token:
            return found


def minor(amount: money_pb2.Money) -> Decimal:
    """Return an amount in minor units."""
    return Decimal(f"{amount.units}.{amount.nanos:09}").scaleb(EXPONENTS[amount.currency_code])


def said(totals: cart_pb2.CartTotals) -> Totals:
    """Return what a cart says that it comes to; its amounts are absent while it is empty."""
    if not totals.HasField("total"):
        return totals.item_count, totals.unit_count, 0, 0, 0
    amounts = (totals.subtotal, totals.discount, totals.total)
    assert len({amount.currency_code for amount in amounts}) == 1
    return totals.item_count, totals.unit_count, *map(minor, amounts)


def stored(account: Account) -> Totals:
    """Return what the items in the database come to."""
    return account.lines, account.units, account.subtotal, account.discount, account.total
