"""The load on the shop: independent writers beside its two workers."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Protocol

from google.protobuf.descriptor import ServiceDescriptor
from grpc import aio

from bodega.cart.v1 import cart_pb2, cart_pb2_grpc
from bodega.discount.v1 import discount_pb2, discount_pb2_grpc
from bodega.product.v1 import product_pb2, product_pb2_grpc
from e2e.shop.chaos.carts import Customer
from e2e.shop.chaos.client import WrongAnswerError
from e2e.shop.chaos.dice import dice
from e2e.shop.chaos.discounts import CodeMaker, Redeemer
from e2e.shop.chaos.ledger import OURS, Ledger
from e2e.shop.chaos.products import Creator, Importer
from e2e.shop.chaos.quantities import QuantitySetter
from e2e.shop.chaos.stock import fill_shelves
from e2e.shop.chaos.tokens import TokenCollector
from e2e.shop.running import PATIENCE, RunningShop
from runtime.client import Channel

PRODUCT = product_pb2.DESCRIPTOR.services_by_name["ProductService"]
CART = cart_pb2.DESCRIPTOR.services_by_name["CartService"]
DISCOUNT = discount_pb2.DESCRIPTOR.services_by_name["DiscountService"]

# Between two writes of a writer: it leaves others some of the machine.
_PAUSE_SECONDS = (0.0, 0.15)


class Writer(Protocol):
    """Somebody who uses the shop."""

    name: str

    async def write(self) -> None:
        """Do one thing, and note in the ledger what came of it."""
        ...


class Load:
    """All writers."""

    def __init__(self, writers: Sequence[Writer], ledger: Ledger, dice: Random) -> None:
        self._writers = writers
        self._ledger = ledger
        self._dice = dice
        self._over = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write until the block ends; then see that each writer gets its last answer."""
        tasks = {asyncio.create_task(self._keep_writing(each)): each for each in self._writers}
        try:
            yield
            self._over.set()
            done, waiting = await asyncio.wait(tasks, timeout=PATIENCE.total_seconds())
            for task in waiting:
                self._ledger.faults.append(f"{tasks[task].name} is not answered any more")
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def write_once(self) -> None:
        """Let each writer do one thing more."""
        for each in self._writers:
            await self._write(each)

    async def _keep_writing(self, writer: Writer) -> None:
        while not self._over.is_set():
            if not await self._write(writer):
                return
            await asyncio.sleep(self._dice.uniform(*_PAUSE_SECONDS))

    async def _write(self, writer: Writer) -> bool:
        """Return whether the writer may go on."""
        try:
            await writer.write()
        except WrongAnswerError as error:
            self._ledger.faults.append(f"{writer.name} had a wrong answer: {error}")
        except aio.AioRpcError as error:
            code = error.code().name
            self._ledger.faults.append(f"{writer.name} failed: {code}: {error.details()}")
        else:
            return True
        return False


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the writers write to; who redeems codes has a token of its own."""

    products: product_pb2_grpc.ProductServiceAsyncStub
    carts: cart_pb2_grpc.CartServiceAsyncStub
    discounts: discount_pb2_grpc.DiscountServiceAsyncStub
    redeeming: discount_pb2_grpc.DiscountServiceAsyncStub


@asynccontextmanager
async def connected(shop: RunningShop) -> AsyncIterator[Servers]:
    """Connect to the servers of a shop."""
    async with AsyncExitStack() as stack:

        async def channel(
            server: str, service: ServiceDescriptor, *scopes: str, client_id: str = "operator"
        ) -> Channel:
            source = shop.tokens(f"urn:bodega:{server}", *scopes, client_id=client_id)
            tokens = await stack.enter_async_context(source)
            return await stack.enter_async_context(shop.channel(server, service, tokens))

        yield Servers(
            product_pb2_grpc.ProductServiceStub(await channel("product", PRODUCT, "catalog.write")),
            cart_pb2_grpc.CartServiceStub(await channel("cart", CART, "carts", "carts.manage")),
            discount_pb2_grpc.DiscountServiceStub(
                await channel("discount", DISCOUNT, "discounts.read", "discounts.write")
            ),
            # With Cart's secret: the operator may not redeem.
            discount_pb2_grpc.DiscountServiceStub(
                await channel("discount", DISCOUNT, "discounts.redeem", client_id="cart")
            ),
        )


async def load_of(shop: RunningShop, servers: Servers, ledger: Ledger, seed: int) -> Load:
    """Return the writers, each with dice of its own; the shelves are filled for them."""
    stock = await fill_shelves(servers.products, ledger)

    def told(name: str) -> tuple[str, Ledger, Random]:
        return f"{OURS}{name}", ledger, dice(seed, name)

    writers: list[Writer] = [
        Importer(servers.products, *told("importer-1")),
        Importer(servers.products, *told("importer-2")),
        Creator(servers.products, *told("creator")),
        Customer(servers.carts, stock, *told("customer-1")),
        Customer(servers.carts, stock, *told("customer-2")),
        Customer(servers.carts, stock, *told("customer-3")),
        QuantitySetter(servers.carts, stock, *told("quantity")),
        CodeMaker(servers.discounts, stock, *told("codes")),
        Redeemer(servers.redeeming, stock, *told("redeemer-1")),
        Redeemer(servers.redeeming, stock, *told("redeemer-2")),
        TokenCollector(shop, *told("tokens")),
    ]
    return Load(writers, ledger, dice(seed, "pauses"))
