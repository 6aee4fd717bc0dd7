"""Commands about the catalogue."""

import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from bodega.product.v1 import product_pb2
from tools.bodega.amounts import money_text, parse_money
from tools.bodega.command import Arguments, Command, Parser
from tools.bodega.data import enum_word, enum_words, to_data
from tools.bodega.failure import Exit, Failure
from tools.bodega.paging import add_paging, pages, tell_of_more
from tools.bodega.screen import Output
from tools.bodega.session import Session
from tools.bodega.tables import Column, details, line, plain, table
from tools.bodega.times import time_text
from tools.bodega.watching import follow

WRITE = "catalog.write"

_STATUS = product_pb2.ProductStatus.DESCRIPTOR
_STATUSES = enum_words(_STATUS)
_ORDERS = {"id": 0, **enum_words(product_pb2.ProductOrder.DESCRIPTOR)}
_FIELDS = ("sku", "name", "description", "price", "status")
_COLUMNS = (
    Column("ID", right=True),
    Column("SKU", flexible=True),
    Column("NAME", flexible=True),
    Column("STATUS"),
    Column("PRICE", right=True),
)


async def _list(session: Session, arguments: Arguments) -> Output:
    request = product_pb2.ListProductsRequest(
        filter=_filter(arguments), order_by=_ORDERS[arguments.order]
    )
    async with session.products() as stub:

        async def ask(size: int, token: str) -> tuple[list[product_pb2.Product], str]:
            request.page_size, request.page_token = size, token
            page = await stub.ListProducts(request)
            return list(page.products), page.next_page_token

        products, token = await pages(ask, arguments)
    tell_of_more(session.screen, len(products), token)
    data = {"products": [*map(to_data, products)], "next_page_token": token}
    return Output(data, table(_COLUMNS, [*map(_row, products)]))


async def _show(session: Session, arguments: Arguments) -> Output:
    async with session.products() as stub:
        answer = await stub.GetProduct(product_pb2.GetProductRequest(id=arguments.id))
    return _output(answer.product)


async def _watch(session: Session, arguments: Arguments) -> None:
    request = product_pb2.WatchProductsRequest(after_revision=arguments.after)
    async with session.products() as stub:
        chunks = follow(lambda: stub.WatchProducts(request), session.screen)
        async with aclosing(_changes(chunks, request)) as changes:
            async for change in changes:
                session.screen.event(_event(change))


async def _changes(
    chunks: AsyncIterator[product_pb2.WatchProductsResponse],
    request: product_pb2.WatchProductsRequest,
) -> AsyncGenerator[product_pb2.ProductChange]:
    """Yield each change, and let the request resume after it."""
    async for chunk in chunks:
        for change in chunk.changes:
            yield change
        request.after_revision = chunk.revision


async def _create(session: Session, arguments: Arguments) -> Output:
    request = product_pb2.CreateProductRequest(
        product=_given(arguments), request_id=arguments.request_id or str(uuid.uuid4())
    )
    async with session.products(WRITE) as stub:
        answer = await stub.CreateProduct(request)
    return _output(answer.product)


async def _update(session: Session, arguments: Arguments) -> Output:
    given = [name for name in _FIELDS if getattr(arguments, name) is not None]
    if not given:
        flags = ", ".join(f"--{name}" for name in _FIELDS)
        raise Failure("nothing to change", "USAGE", f"Give some of {flags}.", Exit.USAGE)
    request = product_pb2.UpdateProductRequest(product=_given(arguments))
    request.product.id, request.product.etag = arguments.id, arguments.etag
    request.update_mask.paths.extend(given)
    async with session.products(WRITE) as stub:
        answer = await stub.UpdateProduct(request)
    return _output(answer.product)


async def _delete(session: Session, arguments: Arguments) -> Output:
    async with session.products(WRITE) as stub:
        await stub.DeleteProduct(
            product_pb2.DeleteProductRequest(id=arguments.id, etag=arguments.etag)
        )
    return Output({"id": arguments.id, "deleted": True}, plain(f"Product {arguments.id} deleted."))


def _filter(arguments: Arguments) -> product_pb2.ProductFilter:
    prices = (arguments.min_price, arguments.max_price)
    named = next((price.currency_code for price in prices if price is not None), "")
    return product_pb2.ProductFilter(
        statuses=[_STATUSES[each] for each in arguments.status or ()],
        currency_code=arguments.currency or named,
        min_price=arguments.min_price,
        max_price=arguments.max_price,
        name_contains=arguments.name,
    )


def _given(arguments: Arguments) -> product_pb2.Product:
    return product_pb2.Product(
        sku=arguments.sku,
        name=arguments.name,
        description=arguments.description,
        price=arguments.price,
        status=arguments.status and _STATUSES[arguments.status],
    )


def _output(product: product_pb2.Product) -> Output:
    pairs = [
        ("ID", str(product.id)),
        ("SKU", product.sku),
        ("Name", product.name),
        ("Price", money_text(product.price)),
        ("Status", _status(product)),
        ("Description", product.description),
        ("Created", time_text(product.create_time)),
        ("Changed", time_text(product.update_time)),
        ("Etag", product.etag),
    ]
    return Output(to_data(product), details(pairs))


def _event(change: product_pb2.ProductChange) -> Output:
    data = to_data(change)
    revision = f"{change.revision:>8}"
    if change.WhichOneof("change") == "deleted_id":
        return Output(data, line(revision, f"{'deleted':<12}", f"{change.deleted_id:>8}"))
    product = change.stored
    price = f"{money_text(product.price):>16}"
    status = f"{_status(product):<12}"
    cells = (revision, status, f"{product.id:>8}", price, product.sku, product.name)
    return Output(data, line(*cells))


def _row(product: product_pb2.Product) -> tuple[str, ...]:
    price = money_text(product.price)
    return str(product.id), product.sku, product.name, _status(product), price


def _status(product: product_pb2.Product) -> str:
    return enum_word(_STATUS, product.status).replace("_", " ")


def _add_list(parser: Parser) -> None:
    group = parser.add_argument_group("which")
    group.add_argument("--name", default="", metavar="TEXT", help="whose name contains the text")
    group.add_argument(
        "--status",
        default=None,
        action="append",
        choices=_STATUSES,
        help="in this state; may be given several times",
    )
    group.add_argument("--currency", default="", metavar="CODE", help="priced in it: EUR")
    for flag, text in (("--min-price", "that cost this or more"), ("--max-price", "or less")):
        group.add_argument(flag, default=None, type=parse_money, metavar="AMOUNT", help=text)
    parser.add_argument("--order", default="id", choices=_ORDERS, help="default: by id")
    add_paging(parser)


def _add_id(parser: Parser) -> None:
    parser.add_argument("id", type=int, metavar="ID", help="the product's id")


def _add_watch(parser: Parser) -> None:
    parser.add_argument(
        "--after",
        default=-1,
        type=int,
        metavar="REVISION",
        help="begin after this one; 0: with all that there is; default: with what changes now",
    )


def _add_fields(parser: Parser, *, required: bool) -> None:
    add = parser.add_argument
    add("--sku", default=None, required=required, metavar="TEXT", help="your own key for it")
    add("--name", default=None, required=required, metavar="TEXT", help="what it is called")
    add(
        "--price", default=None, required=required, type=parse_money, metavar="AMOUNT", help="12EUR"
    )
    add("--description", default=None, metavar="TEXT", help="more about it")


def _add_create(parser: Parser) -> None:
    _add_fields(parser, required=True)
    parser.add_argument("--status", default="in_stock", choices=_STATUSES, help="default: in_stock")
    parser.add_argument(
        "--request-id",
        default=None,
        metavar="UUID",
        help="makes a repetition with the same one harmless",
    )


def _add_update(parser: Parser) -> None:
    _add_id(parser)
    _add_fields(parser, required=False)
    parser.add_argument("--status", default=None, choices=_STATUSES)
    _add_etag(parser)


def _add_delete(parser: Parser) -> None:
    _add_id(parser)
    _add_etag(parser)


def _add_etag(parser: Parser) -> None:
    parser.add_argument(
        "--etag", default="", metavar="ETAG", help="only where it is still as it was then"
    )


COMMANDS = (
    Command(("products", "list"), "print products", _add_list, _list),
    Command(("products", "show"), "print a product", _add_id, _show),
    Command(
        ("products", "watch"),
        "print changes as they happen",
        _add_watch,
        _watch,
        "Until Ctrl-C; where the server goes away, it goes on when that is back.",
    ),
    Command(("products", "create"), "add a product", _add_create, _create),
    Command(("products", "update"), "change what is given of a product", _add_update, _update),
    Command(("products", "delete"), "delete a product", _add_delete, _delete),
)
