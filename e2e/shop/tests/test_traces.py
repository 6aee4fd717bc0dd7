"""One trace from whoever begins through Cart to Product and Discount."""

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from google.type import money_pb2

from bodega.cart.v1 import cart_pb2 as pb
from bodega.cart.v1 import cart_pb2_grpc
from bodega.product.v1 import product_pb2, product_pb2_grpc
from e2e.shop.running import RunningShop, running_shop
from e2e.shop.tests.spans import Node, tree
from runtime.testing.collector import Collector
from runtime.testing.waiting import eventually

pytestmark = pytest.mark.integration

CART = pb.DESCRIPTOR.services_by_name["CartService"]
PRODUCT = product_pb2.DESCRIPTOR.services_by_name["ProductService"]
PARTS = ("IDENTITY", "PRODUCT", "DISCOUNT", "CART", "PRODUCT_WORKER", "CART_WORKER")
PRICES = ("bodega.product.v1.ProductService/BatchGetProducts", "product")
CODES = ("bodega.discount.v1.DiscountService/BatchGetDiscounts", "discount")
LOOKS = ("bodega.product.v1.ProductService/StreamProducts", "product")

type Stub = cart_pb2_grpc.CartServiceAsyncStub


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with Collector.running() as running:
        yield running


@pytest.fixture
async def traced_shop(data: Path, collector: Collector) -> AsyncIterator[RunningShop]:
    """The shop with all of its traces recorded."""
    env = {f"BODEGA_{part}_OTLP_ENDPOINT": collector.endpoint for part in PARTS}
    env |= {f"BODEGA_{part}_TRACE_RATIO": "1" for part in PARTS}
    async with running_shop(data, env) as shop:
        await shop.healthy()
        yield shop


@pytest.fixture
async def carts(traced_shop: RunningShop) -> AsyncIterator[Stub]:
    async with (
        traced_shop.tokens("urn:bodega:cart", "carts", "carts.manage") as tokens,
        traced_shop.channel("cart", CART, tokens) as channel,
    ):
        yield cart_pb2_grpc.CartServiceStub(channel)


@pytest.fixture
async def products(traced_shop: RunningShop) -> list[int]:
    """Products that nobody asks the price of: no customer of the cart worker's has that money."""
    async with (
        traced_shop.tokens("urn:bodega:product", "catalog.write") as tokens,
        traced_shop.channel("product", PRODUCT, tokens) as channel,
    ):
        stub = product_pb2_grpc.ProductServiceStub(channel)
        made = [
            await stub.CreateProduct(
                product_pb2.CreateProductRequest(
                    product=product_pb2.Product(
                        sku=f"new-{number}",
                        name="New",
                        price=money_pb2.Money(units=8, currency_code="NOK"),
                        status=product_pb2.PRODUCT_STATUS_IN_STOCK,
                    )
                )
            )
            for number in range(3)
        ]
        return [response.product.id for response in made]


def begun() -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return the id of a new trace that is recorded, and the header that says so."""
    trace = secrets.token_hex(16)
    return trace, (("traceparent", f"00-{trace}-{secrets.token_hex(8)}-01"),)


def item(product_id: int, code: str) -> pb.NewItem:
    return pb.NewItem(product_id=product_id, quantity=1, discount_code=code)


def below(node: Node) -> set[tuple[str, str]]:
    return {(each.name, each.service) for each in node.all()}


async def test_a_visit_of_the_cart_worker_is_one_trace_through_cart_to_product_and_discount(
    traced_shop: RunningShop, collector: Collector
) -> None:
    def visits() -> Iterator[Node]:
        """Give the visits of which all is known by now, each server's own part being sent by it."""
        for root in tree(collector):
            if root.name == "visit" and {LOOKS, PRICES, CODES} <= below(root):
                yield root

    await eventually(lambda: any(visits()), 60)
    visit = next(visits())
    assert visit.service == "cart_worker"
    looked = [each for each in visit.all() if each.name.endswith("/StreamProducts")]
    assert {each.service for each in looked} == {"cart_worker", "product"}
    (sent,) = [each for each in visit.children if each.name.endswith("CartService/AddItems")]
    (served,) = sent.children
    assert (sent.service, served.service) == ("cart_worker", "cart")
    # The spans of the stream's one message, and below the first the questions about this message.
    steps = {each.name: each for each in served.children}
    assert steps.keys() == {"price batch", "add batch"}
    assert len({each.attributes["bodega.batch_id"] for each in steps.values()}) == 1
    assert {PRICES, CODES} <= below(steps["price batch"])


async def test_a_unary_call_is_one_trace_with_the_calls_that_it_causes(
    carts: Stub, products: list[int], collector: Collector
) -> None:
    trace, headers = begun()
    request = pb.CreateCartRequest(owner="trace", items=[item(products[0], "NEVER-1")])
    await carts.CreateCart(request, metadata=headers)

    def served() -> Iterator[Node]:
        return (root for root in tree(collector, trace) if root.name.endswith("/CreateCart"))

    await eventually(lambda: any({PRICES, CODES} <= below(node) for node in served()), 60)


async def test_each_message_of_a_session_has_a_span_of_its_own_with_the_calls_that_it_causes(
    carts: Stub, products: list[int], collector: Collector
) -> None:
    trace, headers = begun()
    await carts.CreateCart(pb.CreateCartRequest(owner="trace"))
    session = carts.SyncCart(metadata=headers)
    await session.write(pb.SyncCartRequest(open=pb.OpenSession(owner="trace")))
    asked = {"first": item(products[1], "NEVER-2"), "second": item(products[2], "NEVER-3")}
    for name, wanted in asked.items():
        operation = pb.CartOperation(operation_id=name, add=pb.AddOperation(items=[wanted]))
        await session.write(pb.SyncCartRequest(operation=operation))
    await session.done_writing()
    answered = [
        response.result.operation_id async for response in session if response.HasField("result")
    ]
    assert answered == ["first", "second"]

    def operations() -> dict[str, Node]:
        return {
            node.attributes["bodega.operation_id"]: node
            for root in tree(collector, trace)
            for node in root.children
            if node.name == "cart operation"
        }

    await eventually(
        lambda: (
            operations().keys() == asked.keys()
            and all({PRICES, CODES} <= below(node) for node in operations().values())
        ),
        60,
    )
