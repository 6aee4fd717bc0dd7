"""Carts for people."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from bodega.cart.v1 import cart_pb2
from tools.bodega.amounts import money_text
from tools.bodega.data import enum_word
from tools.bodega.tables import Column, details, plain, table, with_totals
from tools.bodega.times import short_time_text, time_text

_ISSUE = cart_pb2.ItemIssue.DESCRIPTOR
_HEADS = (
    Column("OWNER"),
    Column("ITEMS", right=True),
    Column("UNITS", right=True),
    Column("TOTAL", right=True),
    Column("CHANGED"),
)


def cart_view(cart: cart_pb2.Cart) -> RenderableType:
    """Return the items with what they come to."""
    about = details(
        [
            ("Owner", cart.owner),
            ("Changed", time_text(cart.update_time)),
            ("Etag", cart.etag),
        ]
    )
    if not cart.items:
        return Group(about, Text(), plain("The cart is empty."))
    return Group(about, Text(), _items(cart))


def state_view(state: cart_pb2.CartState) -> RenderableType:
    """Return the cart, where there is one."""
    return cart_view(state.cart) if state.HasField("cart") else plain("There is no cart.")


def heads_view(carts: Sequence[cart_pb2.Cart]) -> RenderableType:
    """Return carts without their items, a line each."""
    return table(_HEADS, [*map(_head, carts)])


def totals_text(cart: cart_pb2.Cart) -> str:
    """Return what is in the cart in a line."""
    totals = cart.totals
    if not totals.item_count:
        return "The cart is empty."
    items, units = _counted(totals.item_count, "item"), _counted(totals.unit_count, "unit")
    return f"In the cart: {items}, {units}, {money_text(totals.total)}."


def _counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def notice_text(notice: cart_pb2.ItemNotice, names: Sequence[str]) -> str:
    """Return what is the matter with an item; `names` has what the user called each."""
    name = names[notice.index] if notice.index < len(names) else str(notice.index)
    issue = enum_word(_ISSUE, notice.issue).replace("_", " ")
    return f"{name}: {issue}: {notice.field}: {notice.description}"


def _items(cart: cart_pb2.Cart) -> RenderableType:
    """Return the table of items; colours and codes have a column where there are any."""
    colors = any(item.color for item in cart.items)
    codes = any(item.discount_code for item in cart.items)
    columns = [
        Column("ITEM", right=True),
        Column("PRODUCT", right=True),
        Column("NAME", flexible=True),
        *([Column("COLOR", flexible=True)] if colors else []),
        *([Column("CODE")] if codes else []),
        Column("QTY", right=True),
        Column("PRICE", right=True),
        Column("TOTAL", right=True),
    ]
    rows = [
        [
            str(item.id),
            str(item.product_id),
            item.name,
            *([item.color] if colors else []),
            *([item.discount_code] if codes else []),
            f"{item.quantity:,}",
            money_text(item.unit_price),
            money_text(item.total),
        ]
        for item in cart.items
    ]
    return with_totals(columns, rows, _totals(cart.totals))


def _totals(totals: cart_pb2.CartTotals) -> list[tuple[str, str]]:
    total = [("Total", money_text(totals.total))]
    if not (totals.discount.units or totals.discount.nanos):
        return total
    off = f"-{money_text(totals.discount)}"
    return [("Subtotal", money_text(totals.subtotal)), ("Discount", off), *total]


def _head(cart: cart_pb2.Cart) -> tuple[str, ...]:
    totals = cart.totals
    total = money_text(totals.total) if totals.HasField("total") else ""
    changed = short_time_text(cart.update_time)
    return cart.owner, f"{totals.item_count:,}", f"{totals.unit_count:,}", total, changed
