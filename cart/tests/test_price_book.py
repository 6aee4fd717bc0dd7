"""Quotes over the real Product and a Discount, on both engines."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, override

import grpc
import pytest
from grpc import aio
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from bodega.discount.v1 import discount_pb2_grpc
from bodega.product.v1 import product_pb2, product_pb2_grpc
from cart.pricing.discount_client import DiscountCodes
from cart.pricing.price_book import PriceBook
from cart.pricing.product_client import ProductPrices
from cart.pricing.types import CodeQuote, CodeState, FixedAmounts, Percentage, ProductQuote
from cart.pricing.upstream import TIMEOUT_SECONDS
from cart.tests.upstreams import (
    DISCOUNT,
    PRODUCT,
    Discounts,
    Products,
    Running,
)
from runtime.auth.issuer import Issuer
from runtime.auth.token_source import Client, TokenSource
from runtime.client import connect
from runtime.clock import SECOND
from runtime.errors import ResourceExhausted, Unavailable
from runtime.money import Money
from runtime.reason import Reason
from runtime.settings import ServerSettings
from runtime.testing.issuer import AUDIENCE, LoopbackIssuer
from runtime.testing.waiting import eventually

pytest_plugins = ["cart.tests.neighbours"]

OUTCOMES = ("miss", "joined", "hit")
NOON = 1_800_000_000 * SECOND


class Time:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def micros(self) -> int:
        return NOON + round((self.seconds - 1000.0) * SECOND)


@pytest.fixture(autouse=True)
def deadline(monkeypatch: pytest.MonkeyPatch) -> float:
    """For the calls of the book, in seconds: a machine that stalls for a moment ends none."""
    seconds = 60.0
    monkeypatch.setattr("cart.pricing.product_client.TIMEOUT_SECONDS", seconds)
    monkeypatch.setattr("cart.pricing.discount_client.TIMEOUT_SECONDS", seconds)
    return seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def upstream_settings(server_settings: ServerSettings) -> ServerSettings:
    """On both engines."""
    return server_settings


@pytest.fixture
def discounts(time: Time) -> Discounts:
    made = Discounts()  # type: ignore[abstract]  # the other RPCs are unimplemented
    made.clock = time.micros
    return made


@pytest.fixture
def scopes() -> list[str]:
    """What the book's token is good for."""
    return ["discounts.read", "discounts.redeem"]


@pytest.fixture
def resource() -> str:
    """Whom the book's token is for."""
    return AUDIENCE


@pytest.fixture
async def tokens(
    issuer: LoopbackIssuer, resource: str, scopes: list[str], tmp_path: Path
) -> AsyncIterator[TokenSource]:
    secret = issuer.write_secret(tmp_path, "worker")
    client = Client("worker", secret, resource, frozenset(scopes))
    async with TokenSource(Issuer(issuer.url), client) as source:
        yield source


@pytest.fixture
async def prices(product_server: Running, time: Time) -> AsyncIterator[ProductPrices]:
    async with connect(product_server.address, PRODUCT) as channel:
        stub = product_pb2_grpc.ProductServiceStub(channel)
        made = ProductPrices(stub, monotonic=time.monotonic)
        yield made
        await made.close()


@pytest.fixture
async def book(
    prices: ProductPrices, discount_server: Running, tokens: TokenSource, time: Time
) -> AsyncIterator[PriceBook]:
    async with connect(discount_server.address, DISCOUNT, tokens=tokens) as channel:
        stub = discount_pb2_grpc.DiscountServiceStub(channel)
        codes = DiscountCodes(stub, monotonic=time.monotonic, clock=time.micros)
        made = PriceBook(prices, codes)
        yield made
        await made.close()


type Watch = Callable[[], Awaitable[None]]


@pytest.fixture
async def watch(book: PriceBook) -> AsyncIterator[Watch]:
    """Let the book listen for changes from now on."""
    tasks: list[asyncio.Task[None]] = []

    async def begin() -> None:
        tasks.append(asyncio.create_task(book.follow()))
        await eventually(lambda: sample("product_watch_running") == 1)

    yield begin
    for task in tasks:
        task.cancel()
        await asyncio.wait((task,))
    assert sample("product_watch_running") == 0


def seconds(count: int) -> timedelta:
    return timedelta(seconds=count)


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"bodega_cart_{name}", labels) or 0


async def price(book: PriceBook, product_id: int) -> int | None:
    quotes = await book.quote([product_id], [])
    found = quotes.products.get(product_id)
    return None if found is None else found.price.minor


async def until_priced(book: PriceBook, product_id: int, minor: int | None) -> None:
    async with asyncio.timeout(60):
        while await price(book, product_id) != minor:  # noqa: ASYNC110 (nobody tells us)
            await asyncio.sleep(0.005)


async def test_a_quote_says_what_products_and_codes_are(
    book: PriceBook, products: Products, discounts: Discounts
) -> None:
    tea, gone = await products.add("TEA", 250), await products.add("GONE", 7, "JPY", status=3)
    discounts.add("TEN", basis_points=1000)
    discounts.add("OFF", EUR=1, JPY=20, redemption_limit=3)
    discounts.add("DARK", basis_points=1, active=False)
    quotes = await book.quote([tea, gone, 999], ["TEN", "OFF", "DARK", "NEVER", "NO CODE!"])
    assert quotes.products == {
        tea: ProductQuote(tea, "TEA", "Product TEA", Money("EUR", 250), is_sold_out=False),
        gone: ProductQuote(gone, "GONE", "Product GONE", Money("JPY", 7), is_sold_out=True),
    }
    assert quotes.codes == {
        "TEN": CodeQuote("TEN", CodeState.ACTIVE, Percentage(1000)),
        "OFF": CodeQuote(
            "OFF", CodeState.ACTIVE, FixedAmounts({"EUR": 100, "JPY": 20}), is_limited=True
        ),
        "DARK": CodeQuote("DARK", CodeState.INACTIVE, Percentage(1)),
        "NEVER": CodeQuote("NEVER", CodeState.UNKNOWN),
        "NO CODE!": CodeQuote("NO CODE!", CodeState.UNKNOWN),
    }
    assert quotes.discount_outage is None
    assert products.knobs.calls["BatchGetProducts"] == 1
    assert discounts.knobs.asked == [["DARK", "NEVER", "OFF", "TEN"]]


async def test_what_nobody_can_have_made_is_not_asked_for(
    book: PriceBook, products: Products, discounts: Discounts
) -> None:
    quotes = await book.quote([0, -1, 2**63], ["", "ß", "X" * 41])
    assert quotes.products == {}
    assert {each.state for each in quotes.codes.values()} == {CodeState.UNKNOWN}
    assert len(quotes.codes) == 3
    assert await book.redeem("ann", ["SP ACE"]) == {"SP ACE": CodeState.UNKNOWN}
    assert products.knobs.asked == discounts.knobs.asked == []


async def test_fifty_quotes_at_once_are_one_call_of_each_service(
    book: PriceBook, products: Products, discounts: Discounts
) -> None:
    ids = [await products.add(f"P{number}", number) for number in range(1, 6)]
    discounts.add("TEN", basis_points=1000)
    before = [sample("lookups_total", service="product", outcome=each) for each in OUTCOMES]
    quotes = await asyncio.gather(*(book.quote(ids, ["TEN", "NONE"]) for _ in range(50)))
    assert all(len(each.products) == 5 and len(each.codes) == 2 for each in quotes)
    assert products.knobs.calls["BatchGetProducts"] == 1
    assert discounts.knobs.calls["BatchGetDiscounts"] == 1
    await book.quote(ids, ["TEN"])
    assert products.knobs.calls["BatchGetProducts"] == 1
    after = [sample("lookups_total", service="product", outcome=each) for each in OUTCOMES]
    assert [b - a for a, b in zip(before, after, strict=True)] == [5, 245, 5]


async def test_quotes_for_other_keys_in_the_same_moment_share_a_call(
    book: PriceBook, products: Products
) -> None:
    ids = [await products.add(f"P{number}", number) for number in range(1, 6)]
    assert await asyncio.gather(*(price(book, each) for each in ids)) == [1, 2, 3, 4, 5]
    assert products.knobs.asked == [ids]


async def test_more_than_two_hundred_are_asked_for_in_parts(
    book: PriceBook, products: Products, discounts: Discounts
) -> None:
    ids = [await products.add(f"P{number}", number) for number in range(1, 402)]
    codes = [f"C{number}" for number in range(201)]
    quotes = await book.quote(ids, codes)
    assert {key: quote.price.minor for key, quote in quotes.products.items()} == {
        key: number for number, key in enumerate(ids, 1)
    }
    assert quotes.codes.keys() == set(codes)
    assert sorted(map(len, products.knobs.asked)) == [1, 200, 200]
    assert sorted(map(len, discounts.knobs.asked)) == [1, 200]


async def test_both_services_are_asked_side_by_side(
    book: PriceBook, products: Products, discounts: Discounts
) -> None:
    products.knobs.hold(1)
    discounts.knobs.hold("TEN")
    quoting = asyncio.create_task(book.quote([1], ["TEN"]))
    await eventually(lambda: products.knobs.waiting == discounts.knobs.waiting == 1)
    products.knobs.open.set()
    discounts.knobs.open.set()
    assert (await quoting).products == {}


async def test_whatever_is_asked_has_a_deadline(
    book: PriceBook, products: Products, discounts: Discounts, watch: Watch, deadline: float
) -> None:
    """Seed fault 12: no call had a deadline."""
    await watch()
    await book.quote([1], ["TEN"])
    await book.redeem("ann", ["TEN"])
    left = products.knobs.seconds_left | discounts.knobs.seconds_left
    assert left.keys() == {
        *("BatchGetProducts", "WatchProducts"),
        *("BatchGetDiscounts", "RedeemDiscounts"),
    }
    watching = left.pop("WatchProducts")
    assert watching is not None
    assert 0 < watching < 605  # the wire rounds up
    # Above what a channel would give a call without one, which is 5 s.
    assert all(seconds is not None and 5 < seconds < deadline + 1 for seconds in left.values())
    assert TIMEOUT_SECONDS < 5


async def test_who_gives_up_takes_the_answer_from_nobody(
    book: PriceBook, products: Products
) -> None:
    tea = await products.add("TEA", 250)
    products.knobs.hold(tea)
    first, second = (asyncio.create_task(price(book, tea)) for _ in range(2))
    await eventually(lambda: products.knobs.waiting == 1)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    products.knobs.open.set()
    assert await second == 250
    assert products.knobs.calls["BatchGetProducts"] == 1


async def test_what_everybody_gave_up_on_is_known_to_the_next(
    book: PriceBook, products: Products
) -> None:
    tea = await products.add("TEA", 250)
    products.knobs.hold(tea)
    only = asyncio.create_task(price(book, tea))
    await eventually(lambda: products.knobs.waiting == 1)
    only.cancel()
    await asyncio.wait((only,))
    products.knobs.open.set()
    assert await price(book, tea) == 250
    assert products.knobs.calls["BatchGetProducts"] == 1


async def test_without_a_watch_a_price_is_kept_for_a_second(
    book: PriceBook, products: Products, time: Time
) -> None:
    tea = await products.add("TEA", 250)
    assert await price(book, tea) == 250
    await products.reprice(tea, 300)
    time.seconds += 0.9
    assert await price(book, tea) == 250
    time.seconds += 0.1
    assert await price(book, tea) == 300


async def test_with_a_watch_a_price_is_kept_for_a_minute(
    book: PriceBook, products: Products, time: Time, watch: Watch
) -> None:
    tea = await products.add("TEA", 250)
    await watch()
    await price(book, tea)
    time.seconds += 59
    await price(book, tea)
    assert products.knobs.calls["BatchGetProducts"] == 1
    time.seconds += 1
    await price(book, tea)
    assert products.knobs.calls["BatchGetProducts"] == 2


async def test_a_change_is_heard_of(book: PriceBook, products: Products, watch: Watch) -> None:
    tea = await products.add("TEA", 250)
    await watch()
    assert await price(book, tea) == 250
    await products.reprice(tea, 300)
    await until_priced(book, tea, 300)
    await products.catalogue.delete(tea, "")
    await until_priced(book, tea, None)


async def test_a_product_that_was_unknown_is_heard_of(
    book: PriceBook, products: Products, watch: Watch
) -> None:
    await products.add("TEA", 250)
    await watch()
    assert await price(book, 2) is None
    assert await products.add("COFFEE", 400) == 2
    await until_priced(book, 2, 400)


async def test_an_answer_that_a_change_overtook_is_not_kept(
    book: PriceBook, products: Products, watch: Watch
) -> None:
    tea, mark = await products.add("TEA", 250), await products.add("MARK", 1)
    await watch()
    assert await price(book, mark) == 1
    products.knobs.hold(tea)
    asked_before = asyncio.create_task(price(book, tea))
    await eventually(lambda: products.knobs.waiting == 1)
    await products.reprice(tea, 300)
    await products.reprice(mark, 2)
    # Changes come in order: who knows of the second has heard of the first.
    await until_priced(book, mark, 2)
    asked_after = asyncio.create_task(price(book, tea))
    await eventually(lambda: products.knobs.waiting == 2)
    products.knobs.open.set()
    assert await asked_before == 250
    assert await asked_after == 300
    assert await price(book, tea) == 300


async def test_an_answer_from_before_the_watch_is_kept_for_a_second_only(
    book: PriceBook, products: Products, time: Time, watch: Watch
) -> None:
    tea = await products.add("TEA", 250)
    products.knobs.hold(tea)
    asked = asyncio.create_task(price(book, tea))
    await eventually(lambda: products.knobs.waiting == 1)
    await products.reprice(tea, 300)
    await watch()
    products.knobs.open.set()
    assert await asked == 250
    time.seconds += 1
    assert await price(book, tea) == 300


async def test_what_is_known_lives_a_second_once_the_watch_is_lost_and_it_comes_back(
    book: PriceBook,
    products: Products,
    product_server: Running,
    time: Time,
    watch: Watch,
) -> None:
    tea = await products.add("TEA", 250)
    await watch()
    assert await price(book, tea) == 250
    with capture_logs() as events:
        await product_server.stop()
        await eventually(lambda: sample("product_watch_running") == 0)
        assert await price(book, tea) == 250
        time.seconds += 1
        with pytest.raises(Unavailable):
            await price(book, tea)
        await product_server.start()
        await eventually(lambda: sample("product_watch_running") == 1, 60)
    await products.reprice(tea, 300)
    await until_priced(book, tea, 300)
    told = [each["event"] for each in events if "heard of" in each["event"]]
    assert told == [
        "changes of products are not heard of",
        "changes of products are heard of again",
    ]


class ShortWatches(product_pb2_grpc.ProductServiceServicer):
    """A Product whose watches all begin, and then have lived their time."""

    def __init__(self) -> None:
        self.begun = 0

    @override
    async def WatchProducts(
        self, request: product_pb2.WatchProductsRequest, context: Any
    ) -> AsyncGenerator[product_pb2.WatchProductsResponse]:
        self.begun += 1
        yield product_pb2.WatchProductsResponse()
        await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "that long and no longer")


async def test_a_watch_that_lives_its_time_is_followed_by_the_next_at_once() -> None:
    product = ShortWatches()  # type: ignore[abstract]  # the other RPCs are unimplemented
    server = aio.server()
    product_pb2_grpc.add_ProductServiceServicer_to_server(product, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with connect(f"127.0.0.1:{port}", PRODUCT) as channel:
        prices = ProductPrices(product_pb2_grpc.ProductServiceStub(channel))
        with capture_logs() as events:
            following = asyncio.create_task(prices.follow())
            await eventually(lambda: product.begun >= 3)
        following.cancel()
        await asyncio.wait((following,))
    await server.stop(None)
    assert [each for each in events if "heard of" in each["event"]] == []


async def test_product_away_is_unavailable_until_it_is_back(
    book: PriceBook, products: Products, product_server: Running
) -> None:
    tea = await products.add("TEA", 250)
    await product_server.stop()
    with capture_logs() as events:
        for _ in range(2):
            with pytest.raises(Unavailable) as away:
                await price(book, tea)
    assert away.value.reason == "PRODUCT_UNAVAILABLE"
    assert away.value.retry_after is not None
    assert away.value.message == "Product is away"
    assert [(each["event"], each["log_level"]) for each in events] == [
        ("upstream is away", "warning")
    ]
    await product_server.start()
    async with asyncio.timeout(60):
        while True:
            with suppress(Unavailable):
                assert await price(book, tea) == 250
                break


async def test_a_product_service_that_does_not_answer_is_unavailable(
    book: PriceBook, products: Products, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cart.pricing.product_client.TIMEOUT_SECONDS", 0.1)
    products.knobs.hold(1)
    with pytest.raises(Unavailable) as away:
        await price(book, 1)
    assert away.value.reason == "PRODUCT_UNAVAILABLE"
    assert sample("upstream_failures_total", service="product", code="DEADLINE_EXCEEDED") >= 1


async def test_a_service_that_says_when_to_come_back_is_left_alone_until_then(
    book: PriceBook, products: Products, time: Time
) -> None:
    tea = await products.add("TEA", 250)
    products.knobs.fail(
        ResourceExhausted("busy", reason=Reason.TOO_MANY_RPCS, retry_after=seconds(3)), 1
    )
    with pytest.raises(Unavailable) as away:
        await price(book, tea)
    assert away.value.retry_after == seconds(3)
    time.seconds += 1
    with pytest.raises(Unavailable) as away:
        await price(book, tea)
    assert away.value.retry_after == seconds(2)
    assert products.knobs.calls["BatchGetProducts"] == 1
    time.seconds += 2
    assert await price(book, tea) == 250


async def test_a_service_that_wants_to_be_left_alone_for_ever_is_asked_again(
    book: PriceBook, products: Products, time: Time
) -> None:
    tea = await products.add("TEA", 250)
    products.knobs.fail(
        ResourceExhausted("busy", reason=Reason.TOO_MANY_RPCS, retry_after=seconds(10**6)), 1
    )
    with pytest.raises(Unavailable) as away:
        await price(book, tea)
    assert away.value.retry_after == seconds(10)
    time.seconds += 10
    assert await price(book, tea) == 250


async def test_a_fault_of_product_is_logged_as_an_error_and_nothing_of_it_is_told(
    book: PriceBook, products: Products
) -> None:
    products.knobs.fail(RuntimeError("a secret"))
    with capture_logs() as events, pytest.raises(Unavailable) as away:
        await price(book, 1)
    assert away.value.reason == "PRODUCT_UNAVAILABLE"
    faults = [each for each in events if each["event"] == "upstream is at fault"]
    assert [(each["log_level"], each["code"]) for each in faults] == [("error", "INTERNAL")]
    products.knobs.heal()
    assert await price(book, 1) is None


async def test_without_discount_prices_are_there_and_the_codes_that_are_known(
    book: PriceBook, products: Products, discounts: Discounts, discount_server: Running
) -> None:
    tea = await products.add("TEA", 250)
    discounts.add("TEN", basis_points=1000)
    await book.quote([], ["TEN"])
    await discount_server.stop()
    quotes = await book.quote([tea], ["TEN", "NEW", "NO CODE!"])
    assert quotes.products[tea].price.minor == 250
    assert quotes.codes.keys() == {"TEN", "NO CODE!"}
    assert quotes.discount_outage is not None
    assert quotes.discount_outage.reason == "DISCOUNT_UNAVAILABLE"
    assert quotes.discount_outage.retry_after
    known = await book.quote([tea], ["TEN"])
    assert known.discount_outage is None


async def test_a_code_is_kept_for_two_seconds(
    book: PriceBook, discounts: Discounts, time: Time
) -> None:
    discounts.add("TEN", basis_points=1000)
    assert (await book.quote([], ["TEN"])).codes["TEN"].benefit == Percentage(1000)
    discounts.add("TEN", basis_points=2000)
    time.seconds += 1.9
    assert (await book.quote([], ["TEN"])).codes["TEN"].benefit == Percentage(1000)
    time.seconds += 0.1
    assert (await book.quote([], ["TEN"])).codes["TEN"].benefit == Percentage(2000)


@pytest.mark.parametrize(
    ("window", "before", "after"),
    [
        ({"start_time": NOON + SECOND}, CodeState.NOT_STARTED, CodeState.ACTIVE),
        ({"end_time": NOON + SECOND}, CodeState.ACTIVE, CodeState.EXPIRED),
    ],
    ids=["start", "end"],
)
async def test_no_answer_outlives_the_turn_of_its_code(
    book: PriceBook,
    discounts: Discounts,
    time: Time,
    window: dict[str, int],
    before: CodeState,
    after: CodeState,
) -> None:
    discounts.add("TEN", basis_points=1000, **window)
    assert (await book.quote([], ["TEN"])).codes["TEN"].state is before
    time.seconds += 0.999
    assert (await book.quote([], ["TEN"])).codes["TEN"].state is before
    assert discounts.knobs.calls["BatchGetDiscounts"] == 1
    time.seconds += 0.001
    assert (await book.quote([], ["TEN"])).codes["TEN"].state is after


async def test_a_redemption_is_asked_for_each_time_and_counts_once(
    book: PriceBook, discounts: Discounts
) -> None:
    discounts.add("ONE", basis_points=1000, redemption_limit=1)
    for _ in range(2):
        assert await book.redeem("ann", ["ONE"]) == {"ONE": CodeState.ACTIVE}
    assert await book.redeem("bob", ["ONE", "NONE"]) == {
        "ONE": CodeState.EXHAUSTED,
        "NONE": CodeState.UNKNOWN,
    }
    assert discounts.knobs.calls["RedeemDiscounts"] == 3
    assert discounts.redeemed["ONE"] == {"ann"}


async def test_a_redemption_is_tried_again_and_then_unavailable(
    book: PriceBook, discounts: Discounts
) -> None:
    discounts.add("ONE", basis_points=1000, redemption_limit=1)
    discounts.knobs.fail(Unavailable("away", reason=Reason.DATABASE_AWAY), 2)
    assert await book.redeem("ann", ["ONE"]) == {"ONE": CodeState.ACTIVE}
    assert discounts.knobs.calls["RedeemDiscounts"] == 3
    discounts.knobs.fail(Unavailable("away", reason=Reason.DATABASE_AWAY))
    with pytest.raises(Unavailable) as away:
        await book.redeem("ann", ["ONE"])
    assert away.value.reason == "DISCOUNT_UNAVAILABLE"


async def test_many_codes_are_redeemed_in_parts(book: PriceBook, discounts: Discounts) -> None:
    codes = [f"C{number:03}" for number in range(201)]
    for code in codes:
        discounts.add(code, basis_points=1, redemption_limit=1)
    assert await book.redeem("ann", codes) == dict.fromkeys(codes, CodeState.ACTIVE)
    assert sorted(map(len, discounts.knobs.asked)) == [1, 200]


@pytest.mark.parametrize("scopes", [["discounts.read"]])
async def test_a_token_without_the_scope_is_a_fault_and_unavailable(
    book: PriceBook, discounts: Discounts
) -> None:
    discounts.add("ONE", basis_points=1000, redemption_limit=1)
    assert (await book.quote([], ["ONE"])).discount_outage is None
    with capture_logs() as events, pytest.raises(Unavailable) as away:
        await book.redeem("ann", ["ONE"])
    assert away.value.reason == "DISCOUNT_UNAVAILABLE"
    (fault,) = [each for each in events if each["event"] == "upstream is at fault"]
    assert (fault["log_level"], fault["code"]) == ("error", "PERMISSION_DENIED")


async def test_no_token_to_be_had_is_an_outage_of_discount(
    book: PriceBook, issuer: LoopbackIssuer, products: Products
) -> None:
    tea = await products.add("TEA", 250)
    issuer.stop()
    quotes = await book.quote([tea], ["TEN"])
    assert quotes.products[tea].price.minor == 250
    assert quotes.discount_outage is not None
    assert quotes.discount_outage.reason == "DISCOUNT_UNAVAILABLE"


@pytest.mark.parametrize("resource", ["urn:bodega:other"])
async def test_a_token_that_is_refused_is_a_fault_and_unavailable(book: PriceBook) -> None:
    with capture_logs() as events:
        quotes = await book.quote([], ["TEN"])
    assert quotes.discount_outage is not None
    (fault,) = [each for each in events if each["event"] == "upstream is at fault"]
    assert (fault["log_level"], fault["code"]) == ("error", "UNAUTHENTICATED")
