"""Commands about discount codes."""

from collections.abc import Callable

from google.protobuf.timestamp_pb2 import Timestamp

from bodega.discount.v1 import discount_pb2
from tools.bodega.amounts import money_text, parse_money, parse_percent, percent_text
from tools.bodega.command import Arguments, Command, Parser
from tools.bodega.data import enum_word, to_data
from tools.bodega.failure import Exit, Failure
from tools.bodega.paging import add_paging, pages, tell_of_more
from tools.bodega.screen import Output
from tools.bodega.session import Session
from tools.bodega.tables import Column, details, plain, table
from tools.bodega.times import parse_time, short_time_text, time_text

READ, WRITE = "discounts.read", "discounts.write"

_STATE = discount_pb2.DiscountState.DESCRIPTOR
_COLUMNS = (
    Column("CODE"),
    Column("OFF", right=True, flexible=True),
    Column("ACTIVE"),
    Column("STARTS"),
    Column("ENDS"),
    Column("REDEEMED", right=True),
    Column("DESCRIPTION", flexible=True),
)
_TIMES = {
    "--start": "good from then on: 2026-12-24, 2026-12-24T18:00+01:00 (else UTC), or 7d from now",
    "--end": "good until then",
}
# What each flag changes; a flag that empties a field is listed beside the one that fills it.
_PATHS = {
    "percent": "basis_points",
    "off": "fixed",
    "description": "description",
    "start": "start_time",
    "no_start": "start_time",
    "end": "end_time",
    "no_end": "end_time",
    "limit": "redemption_limit",
    "active": "active",
}


async def _list(session: Session, arguments: Arguments) -> Output:
    async with session.discounts(READ) as stub:

        async def ask(size: int, token: str) -> tuple[list[discount_pb2.Discount], str]:
            request = discount_pb2.ListDiscountsRequest(page_size=size, page_token=token)
            page = await stub.ListDiscounts(request)
            return list(page.discounts), page.next_page_token

        discounts, token = await pages(ask, arguments)
    tell_of_more(session.screen, len(discounts), token)
    data = {"discounts": [*map(to_data, discounts)], "next_page_token": token}
    return Output(data, table(_COLUMNS, [*map(_row, discounts)]))


async def _show(session: Session, arguments: Arguments) -> Output:
    async with session.discounts(READ) as stub:
        answer = await stub.GetDiscount(discount_pb2.GetDiscountRequest(code=arguments.code))
    state = enum_word(_STATE, answer.state)
    data = {**to_data(answer.discount), "state": state}
    return Output(data, details([("State", state.replace("_", " ")), *_pairs(answer.discount)]))


async def _create(session: Session, arguments: Arguments) -> Output:
    request = discount_pb2.CreateDiscountRequest(discount=_given(arguments))
    async with session.discounts(WRITE) as stub:
        answer = await stub.CreateDiscount(request)
    return _output(answer.discount)


async def _update(session: Session, arguments: Arguments) -> Output:
    given = [path for name, path in _PATHS.items() if getattr(arguments, name) is not None]
    if not given:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in _PATHS)
        raise Failure("nothing to change", "USAGE", f"Give some of {flags}.", Exit.USAGE)
    request = discount_pb2.UpdateDiscountRequest(discount=_given(arguments))
    request.discount.etag = arguments.etag
    request.update_mask.paths.extend(given)
    async with session.discounts(WRITE) as stub:
        answer = await stub.UpdateDiscount(request)
    return _output(answer.discount)


async def _delete(session: Session, arguments: Arguments) -> Output:
    request = discount_pb2.DeleteDiscountRequest(code=arguments.code, etag=arguments.etag)
    async with session.discounts(WRITE) as stub:
        await stub.DeleteDiscount(request)
    data = {"code": arguments.code, "deleted": True}
    return Output(data, plain(f"Discount {arguments.code} deleted."))


def _given(arguments: Arguments) -> discount_pb2.Discount:
    made = discount_pb2.Discount(
        code=arguments.code,
        description=arguments.description,
        start_time=arguments.start,
        end_time=arguments.end,
        redemption_limit=arguments.limit,
        active=arguments.active,
        basis_points=arguments.percent,
    )
    if arguments.off is not None:
        made.fixed.amounts.extend(arguments.off)
    return made


def _output(discount: discount_pb2.Discount) -> Output:
    return Output(to_data(discount), details(_pairs(discount)))


def _pairs(discount: discount_pb2.Discount) -> list[tuple[str, str]]:
    return [
        ("Code", discount.code),
        ("Off", _off(discount)),
        ("Active", _yes_or_no(discount)),
        ("Starts", _start(discount, time_text)),
        ("Ends", _end(discount, time_text)),
        ("Redeemed", _redeemed(discount)),
        ("Description", discount.description),
        ("Created", time_text(discount.create_time)),
        ("Changed", time_text(discount.update_time)),
        ("Etag", discount.etag),
    ]


def _row(discount: discount_pb2.Discount) -> tuple[str, ...]:
    return (
        discount.code,
        _off(discount),
        _yes_or_no(discount),
        _start(discount, short_time_text),
        _end(discount, short_time_text),
        _redeemed(discount),
        discount.description,
    )


def _off(discount: discount_pb2.Discount) -> str:
    if discount.WhichOneof("benefit") == "fixed":
        return ", ".join(map(money_text, discount.fixed.amounts))
    return percent_text(discount.basis_points)


def _yes_or_no(discount: discount_pb2.Discount) -> str:
    return "yes" if discount.active else "no"


def _start(discount: discount_pb2.Discount, text: Callable[[Timestamp], str]) -> str:
    return text(discount.start_time) if discount.HasField("start_time") else ""


def _end(discount: discount_pb2.Discount, text: Callable[[Timestamp], str]) -> str:
    return text(discount.end_time) if discount.HasField("end_time") else ""


def _redeemed(discount: discount_pb2.Discount) -> str:
    """Return how often, of how often it may be; without a limit nobody counts."""
    limit = discount.redemption_limit
    return f"{discount.redemption_count:,} of {limit:,}" if limit else "no limit"


def _add_code(parser: Parser) -> None:
    parser.add_argument("code", metavar="CODE", help="what the customer types")


def _add_fields(parser: Parser, *, required: bool) -> None:
    _add_code(parser)
    benefit = parser.add_mutually_exclusive_group(required=required)
    benefit.add_argument(
        "--percent", default=None, type=parse_percent, metavar="P", help="off the price: 12.5"
    )
    benefit.add_argument(
        "--off",
        default=None,
        action="append",
        type=parse_money,
        metavar="AMOUNT",
        help="off the price of one unit: 5EUR; may be given once for each currency",
    )
    add = parser.add_argument
    add("--description", default=None, metavar="TEXT", help="what it is for")
    add("--limit", default=None, type=int, metavar="N", help="redeemers at most; 0: any number")


def _add_create(parser: Parser) -> None:
    _add_fields(parser, required=True)
    for flag, text in _TIMES.items():
        parser.add_argument(flag, default=None, type=parse_time, metavar="TIME", help=text)
    parser.add_argument(
        "--inactive", dest="active", action="store_false", default=True, help="not good yet"
    )


def _add_update(parser: Parser) -> None:
    _add_fields(parser, required=False)
    for flag, text in _TIMES.items():
        either = parser.add_mutually_exclusive_group()
        either.add_argument(flag, default=None, type=parse_time, metavar="TIME", help=text)
        no = f"--no-{flag.removeprefix('--')}"
        either.add_argument(no, action="store_true", default=None, help=f"without {flag}")
    state = parser.add_mutually_exclusive_group()
    state.add_argument("--active", action="store_true", default=None, help="good from now on")
    state.add_argument("--inactive", dest="active", action="store_false", help="good no longer")
    _add_etag(parser)


def _add_delete(parser: Parser) -> None:
    _add_code(parser)
    _add_etag(parser)


def _add_etag(parser: Parser) -> None:
    parser.add_argument(
        "--etag", default="", metavar="ETAG", help="only where it is still as it was then"
    )


COMMANDS = (
    Command(("discounts", "list"), "print discount codes", add_paging, _list),
    Command(("discounts", "show"), "print a discount code", _add_code, _show),
    Command(("discounts", "create"), "make a discount code", _add_create, _create),
    Command(("discounts", "update"), "change what is given of a code", _add_update, _update),
    Command(("discounts", "delete"), "delete a discount code", _add_delete, _delete),
)
