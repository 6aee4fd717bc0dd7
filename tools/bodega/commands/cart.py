"""Commands about carts."""

import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

import grpc
from grpc import aio
from rich.console import Group
from rich.text import Text

from bodega.cart.v1 import cart_pb2
from tools.bodega.cart_views import cart_view, heads_view, notice_text, state_view, totals_text
from tools.bodega.command import Arguments, Command, Parser
from tools.bodega.data import to_data
from tools.bodega.failure import Exit
from tools.bodega.items import Item, parse_item
from tools.bodega.paging import add_paging, pages, tell_of_more
from tools.bodega.screen import Output
from tools.bodega.session import Session
from tools.bodega.tables import plain
from tools.bodega.watching import follow

if TYPE_CHECKING:
    from tools.bodega.session import Carts

OWN, MANAGE = "carts", "carts.manage"

# A batch that was sent before has no effect, so these cost nothing but another try.
_AGAIN = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNAVAILABLE}


def scopes(arguments: Arguments) -> tuple[str, ...]:
    """Return what a command needs: for somebody else's cart more than for one's own."""
    return (OWN, MANAGE) if arguments.owner else (OWN,)


async def _show(session: Session, arguments: Arguments) -> Output:
    async with session.carts(*scopes(arguments)) as stub:
        answer = await stub.GetCart(cart_pb2.GetCartRequest(owner=arguments.owner))
    return _output(answer.cart)


async def _create(session: Session, arguments: Arguments) -> Output:
    request = cart_pb2.CreateCartRequest(
        owner=arguments.owner,
        items=_items(arguments),
        allow_full_price=arguments.allow_full_price,
        request_id=arguments.request_id or str(uuid.uuid4()),
    )
    async with session.carts(*scopes(arguments)) as stub:
        answer = await stub.CreateCart(request)
    view = Group(
        cart_view(answer.cart), *_notices(arguments.items, answer.rejected_items, answer.warnings)
    )
    return Output(to_data(answer), view, _exit(answer.rejected_items))


async def _add(session: Session, arguments: Arguments) -> Output:
    request = cart_pb2.BatchAddItemsRequest(
        owner=arguments.owner,
        batch_id=arguments.batch_id or str(uuid.uuid4()),
        items=_items(arguments),
        allow_full_price=arguments.allow_full_price,
    )
    async with session.carts(*scopes(arguments)) as stub:
        answer = await _add_items(stub, request)
    added = plain(f"{answer.added_count} added. {totals_text(answer.cart)}")
    view = Group(added, *_notices(arguments.items, answer.rejected_items, answer.warnings))
    return Output(to_data(answer), view, _exit(answer.rejected_items))


async def _add_items(
    stub: Carts, request: cart_pb2.BatchAddItemsRequest
) -> cart_pb2.BatchAddItemsResponse:
    try:
        return await stub.BatchAddItems(request)
    except aio.AioRpcError as error:
        if error.code() not in _AGAIN:
            raise
    return await stub.BatchAddItems(request)


async def _update(session: Session, arguments: Arguments) -> Output:
    request = cart_pb2.UpdateItemRequest(
        owner=arguments.owner,
        item_id=arguments.item_id,
        quantity=arguments.quantity,
        etag=arguments.etag,
    )
    async with session.carts(*scopes(arguments)) as stub:
        answer = await stub.UpdateItem(request)
    return _output(answer.cart)


async def _remove(session: Session, arguments: Arguments) -> Output:
    request = cart_pb2.RemoveItemRequest(
        owner=arguments.owner, item_id=arguments.item_id, etag=arguments.etag
    )
    async with session.carts(*scopes(arguments)) as stub:
        answer = await stub.RemoveItem(request)
    return _output(answer.cart)


async def _clear(session: Session, arguments: Arguments) -> Output:
    request = cart_pb2.ClearCartRequest(owner=arguments.owner, etag=arguments.etag)
    async with session.carts(*scopes(arguments)) as stub:
        answer = await stub.ClearCart(request)
    return _output(answer.cart)


async def _delete(session: Session, arguments: Arguments) -> Output:
    request = cart_pb2.DeleteCartRequest(owner=arguments.owner, etag=arguments.etag)
    async with session.carts(*scopes(arguments)) as stub:
        await stub.DeleteCart(request)
    return Output({"deleted": True}, plain("The cart is deleted."))


async def _watch(session: Session, arguments: Arguments) -> None:
    request = cart_pb2.WatchCartRequest(owner=arguments.owner)
    async with session.carts(*scopes(arguments)) as stub:
        answers = follow(lambda: stub.WatchCart(request), session.screen)
        async with aclosing(_states(answers)) as states:
            async for state in states:
                session.screen.event(Output(to_data(state), Group(state_view(state), Text())))


async def _states(
    answers: AsyncIterator[cart_pb2.WatchCartResponse],
) -> AsyncGenerator[cart_pb2.CartState]:
    """Yield each state once: a stream that was opened anew begins with the one that was last."""
    last: cart_pb2.CartState | None = None
    async for answer in answers:
        if answer.state != last:
            yield answer.state
        last = answer.state


async def _list(session: Session, arguments: Arguments) -> Output:
    async with session.carts(MANAGE) as stub:

        async def ask(size: int, token: str) -> tuple[list[cart_pb2.Cart], str]:
            request = cart_pb2.ListCartsRequest(page_size=size, page_token=token)
            page = await stub.ListCarts(request)
            return list(page.carts), page.next_page_token

        carts, token = await pages(ask, arguments)
    tell_of_more(session.screen, len(carts), token)
    data = {"carts": [*map(to_data, carts)], "next_page_token": token}
    return Output(data, heads_view(carts))


def _items(arguments: Arguments) -> list[cart_pb2.NewItem]:
    return [item.to_proto(arguments.color, arguments.code) for item in arguments.items]


def _output(cart: cart_pb2.Cart) -> Output:
    return Output(to_data(cart), cart_view(cart))


def _notices(
    items: Sequence[Item],
    rejected: Sequence[cart_pb2.ItemNotice],
    warnings: Sequence[cart_pb2.ItemNotice],
) -> list[Text]:
    names = [str(item) for item in items]
    return [
        *(plain(f"Not added: {notice_text(each, names)}") for each in rejected),
        *(plain(f"Without discount: {notice_text(each, names)}") for each in warnings),
    ]


def _exit(rejected: Sequence[cart_pb2.ItemNotice]) -> Exit:
    return Exit.REFUSED if rejected else Exit.DONE


def add_owner(parser: Parser) -> None:
    """Add the flag for whoever runs the shop."""
    parser.add_argument(
        "--owner", default="", metavar="SUBJECT", help="whose cart; default: your own"
    )


def _add_etag(parser: Parser) -> None:
    add_owner(parser)
    parser.add_argument(
        "--etag", default="", metavar="ETAG", help="only where the cart is still as it was then"
    )


def _add_item_id(parser: Parser) -> None:
    parser.add_argument("item_id", type=int, metavar="ITEM_ID", help="as `cart show` numbers it")


def _add_update(parser: Parser) -> None:
    _add_item_id(parser)
    parser.add_argument("quantity", type=int, metavar="QUANTITY", help="how many units")
    _add_etag(parser)


def _add_remove(parser: Parser) -> None:
    _add_item_id(parser)
    _add_etag(parser)


def _add_new_items(parser: Parser, number: str) -> None:
    add = parser.add_argument
    add(
        "items",
        nargs=number,
        default=[],
        type=parse_item,
        metavar="PRODUCT_ID[:QUANTITY]",
        help="a product, and how many of it [default 1]",
    )
    add("--color", default="", metavar="TEXT", help="in which colour")
    add("--code", default="", metavar="CODE", help="with this discount")
    add(
        "--allow-full-price",
        action="store_true",
        default=False,
        help="at the full price where the discount is not to be had",
    )
    add_owner(parser)


def _add_create(parser: Parser) -> None:
    _add_new_items(parser, "*")
    parser.add_argument(
        "--request-id",
        default=None,
        metavar="UUID",
        help="makes a repetition with the same one harmless",
    )


def _add_add(parser: Parser) -> None:
    _add_new_items(parser, "+")
    parser.add_argument(
        "--batch-id",
        default=None,
        metavar="ID",
        help="makes a repetition with the same one harmless",
    )


COMMANDS = (
    Command(("cart", "show"), "print your cart", add_owner, _show),
    Command(("cart", "create"), "make a cart, with items in it or none", _add_create, _create),
    Command(
        ("cart", "add"),
        "add items to the cart",
        _add_add,
        _add,
        "Items that cannot be added are named, the others are added; the exit code is then 1.",
    ),
    Command(("cart", "update"), "set the quantity of an item", _add_update, _update),
    Command(("cart", "remove"), "take an item out", _add_remove, _remove),
    Command(("cart", "clear"), "take all items out", _add_etag, _clear),
    Command(("cart", "delete"), "delete the cart", _add_etag, _delete),
    Command(
        ("cart", "watch"),
        "print the cart, and again whenever it changes",
        add_owner,
        _watch,
        "Until Ctrl-C; where the server goes away, it goes on when that is back.",
    ),
    Command(("cart", "list"), "print everybody's carts", add_paging, _list),
)
