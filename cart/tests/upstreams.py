"""Product and Discount as a cart meets them: real servers, which a test stops, slows, counts."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, override

from google.protobuf.timestamp_pb2 import Timestamp
from google.type import money_pb2

from bodega.discount.v1 import discount_pb2, discount_pb2_grpc
from bodega.product.v1 import product_pb2, product_pb2_grpc
from product.model import Proposal
from product.service import Catalogue
from product.servicer import ProductServicer, encode
from product.store.change_notifier import ChangeHub
from product.store.store import Store
from runtime.call import Context, current_call
from runtime.chain import default_chain
from runtime.clock import Micros, now_micros
from runtime.database import Database, open_database
from runtime.endless import endless
from runtime.migrate import upgrade
from runtime.money import Money
from runtime.policy import Guard
from runtime.server import Server
from runtime.settings import ServerSettings

PRODUCT = product_pb2.DESCRIPTOR.services_by_name["ProductService"]
DISCOUNT = discount_pb2.DESCRIPTOR.services_by_name["DiscountService"]


class Knobs:
    """What a test sees of a service, and does to it."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.seconds_left: dict[str, float | None] = {}
        self.asked: list[list[Any]] = []
        self.failure: Exception | None = None
        self.failures_left = 0
        self.open = asyncio.Event()
        self.open.set()
        self.held: frozenset[Any] = frozenset()
        self.waiting = 0

    def hold(self, *keys: Any) -> None:
        """Keep back the answers to questions for these keys until `open` is set."""
        self.open.clear()
        self.held = frozenset(keys)

    def fail(self, failure: Exception, times: int = 1_000_000) -> None:
        """Fail the next calls."""
        self.failure, self.failures_left = failure, times

    def heal(self) -> None:
        self.failures_left = 0

    def note(self, method: str) -> None:
        """Count the call that is being answered, and keep how long its caller waits for it."""
        self.calls[method] += 1
        call = current_call.get()
        self.seconds_left[method] = None if call is None else call.time_remaining()

    def count(self, method: str, keys: Iterable[Any]) -> None:
        self.note(method)
        self.asked.append([*keys])
        if self.failures_left and self.failure is not None:
            self.failures_left -= 1
            raise self.failure

    async def pass_on(self, keys: Iterable[Any]) -> None:
        if self.held.isdisjoint(keys):
            return
        self.waiting += 1
        try:
            await self.open.wait()
        finally:
            self.waiting -= 1


class Products(ProductServicer):
    """The real Product. An answer that is held has been read from the database already."""

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__(catalogue)
        self.catalogue = catalogue
        self.knobs = Knobs()

    @override
    async def BatchGetProducts(
        self, request: product_pb2.BatchGetProductsRequest, _context: Context
    ) -> product_pb2.BatchGetProductsResponse:
        self.knobs.count("BatchGetProducts", request.ids)
        response = await super().BatchGetProducts(request, _context)
        await self.knobs.pass_on(request.ids)
        return response

    @override
    @endless
    async def WatchProducts(
        self, request: product_pb2.WatchProductsRequest, _context: Context
    ) -> AsyncGenerator[product_pb2.WatchProductsResponse]:
        self.knobs.note("WatchProducts")
        async for each in super().WatchProducts(request, _context):
            yield each

    async def add(self, sku: str, minor: int, currency: str = "EUR", status: int = 1) -> int:
        """Store a product; return its id."""
        proposal = Proposal(sku, f"Product {sku}", "", Money(currency, minor), status)
        return (await self.catalogue.create(proposal, "")).id

    async def reprice(self, product_id: int, minor: int) -> None:
        """Change what a product costs."""
        proposal = Proposal("", "", "", Money("EUR", minor), 1)
        await self.catalogue.update(product_id, "", proposal, ["price"])


class Discounts(discount_pb2_grpc.DiscountServiceServicer):
    """Discount as far as a cart asks it, by its contract."""

    def __init__(self) -> None:
        self.knobs = Knobs()
        self.codes: dict[str, discount_pb2.Discount] = {}
        self.redeemed: dict[str, set[str]] = {}
        self.clock: Callable[[], Micros] = now_micros

    def add(self, code: str, *, basis_points: int = 0, **fields: Any) -> None:
        """Store a discount: so much off, or amounts in minor units of EUR, JPY …"""
        made = discount_pb2.Discount(code=code, active=fields.pop("active", True))
        for name in ("start_time", "end_time"):
            if name in fields:
                getattr(made, name).CopyFrom(timestamp(fields.pop(name)))
        made.redemption_limit = fields.pop("redemption_limit", 0)
        for currency, units in fields.items():
            made.fixed.amounts.append(money_pb2.Money(currency_code=currency, units=units))
        if basis_points:
            made.basis_points = basis_points
        self.codes[code] = made

    @override
    async def BatchGetDiscounts(
        self, request: discount_pb2.BatchGetDiscountsRequest, context: Context
    ) -> discount_pb2.BatchGetDiscountsResponse:
        self.knobs.count("BatchGetDiscounts", request.codes)
        answers = [self._answer(code, self._state(code)) for code in request.codes]
        await self.knobs.pass_on(request.codes)
        return discount_pb2.BatchGetDiscountsResponse(results=answers)

    @override
    async def RedeemDiscounts(
        self, request: discount_pb2.RedeemDiscountsRequest, context: Context
    ) -> discount_pb2.RedeemDiscountsResponse:
        self.knobs.count("RedeemDiscounts", request.codes)
        answers = [
            self._answer(code, self._redeem(code, request.redeemer)) for code in request.codes
        ]
        return discount_pb2.RedeemDiscountsResponse(results=answers)

    def _redeem(self, code: str, redeemer: str) -> discount_pb2.DiscountState.ValueType:
        redeemers = self.redeemed.setdefault(code, set())
        state = self._state(code)
        is_repeated = redeemer in redeemers and state == discount_pb2.DISCOUNT_STATE_EXHAUSTED
        if state != discount_pb2.DISCOUNT_STATE_ACTIVE and not is_repeated:
            return state
        redeemers.add(redeemer)
        return discount_pb2.DISCOUNT_STATE_ACTIVE

    def _answer(
        self, code: str, state: discount_pb2.DiscountState.ValueType
    ) -> discount_pb2.DiscountResult:
        return discount_pb2.DiscountResult(
            code=code, state=state, discount=self.codes.get(code.upper())
        )

    def _state(self, code: str) -> discount_pb2.DiscountState.ValueType:
        found = self.codes.get(code)
        if found is None:
            return discount_pb2.DISCOUNT_STATE_UNKNOWN
        now = self.clock()
        if not found.active:
            return discount_pb2.DISCOUNT_STATE_INACTIVE
        if found.HasField("start_time") and now < found.start_time.ToMicroseconds():
            return discount_pb2.DISCOUNT_STATE_NOT_STARTED
        if found.HasField("end_time") and now >= found.end_time.ToMicroseconds():
            return discount_pb2.DISCOUNT_STATE_EXPIRED
        limit, taken = found.redemption_limit, len(self.redeemed.get(code, ()))
        if limit and taken >= limit:
            return discount_pb2.DISCOUNT_STATE_EXHAUSTED
        return discount_pb2.DISCOUNT_STATE_ACTIVE


class Running:
    """A server that a test may stop, and start again where it was."""

    def __init__(
        self, settings: ServerSettings, add: Callable[[Server], None], guard: Guard | None = None
    ) -> None:
        self._settings = settings
        self._add = add
        self._guard = guard
        self._stack: AsyncExitStack | None = None
        self.address = ""

    async def start(self) -> None:
        listen = {"listen": self.address} if self.address else {}
        settings = ServerSettings.model_validate(self._settings.model_dump() | listen)
        server = Server(settings, middleware=default_chain(settings, guard=self._guard))
        self._add(server)
        self._stack = AsyncExitStack()
        self.address = await self._stack.enter_async_context(server.running())

    async def stop(self) -> None:
        if self._stack is not None:
            await self._stack.aclose()
            self._stack = None


def timestamp(micros: Micros) -> Timestamp:
    made = Timestamp()
    made.FromMicroseconds(micros)
    return made


async def product_database(folder: Path) -> Database:
    """Open an empty catalogue."""
    url = f"sqlite:///{folder}/product/product.db"
    await upgrade(url, "product.migrations")
    return await open_database(url)


def real_product(database: Database) -> Products:
    """Return the real Product over a database."""
    return Products(Catalogue(Store(database, encode), ChangeHub()))


def add_product(server: Server, servicer: Products) -> None:
    server.add(product_pb2_grpc.add_ProductServiceServicer_to_server, servicer, PRODUCT)


def add_discount(server: Server, servicer: Discounts) -> None:
    server.add(discount_pb2_grpc.add_DiscountServiceServicer_to_server, servicer, DISCOUNT)
