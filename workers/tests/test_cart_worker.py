"""The cart worker as a program, in front of a real Product, Discount and Cart."""

import signal
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from google.type import money_pb2

from bodega.cart.v1 import cart_pb2, cart_pb2_grpc
from bodega.product.v1 import product_pb2, product_pb2_grpc
from runtime.client import connect
from runtime.testing.issuer import TOKENS, LoopbackIssuer
from workers.cart_state import CartWorkerState
from workers.tests.gate import Gate
from workers.tests.processes import CartServers, ProductServers, Program, carts
from workers.visit import Choice, Visit

WORKER = "workers.cart_worker"
STATE = "cart_worker.json"
PRODUCT = product_pb2.DESCRIPTOR.services_by_name["ProductService"]
CART = cart_pb2.DESCRIPTOR.services_by_name["CartService"]


@dataclass
class Shop:
    """Product and Discount, and Cart behind the gate."""

    products: ProductServers
    servers: CartServers
    gate: Gate
    product: str = ""
    discount: str = ""
    cart: Program | None = None

    async def open(self, *, products: int = 40, discount: bool = True) -> None:
        _, self.product = await self.products.start()
        if products:
            await self.stock(products)
        self.discount = (await self.servers.discount())[1] if discount else "127.0.0.1:9"
        await self.start_cart()

    async def start_cart(self) -> None:
        self.cart, self.gate.upstream = await self.servers.start(self.product, self.discount)

    async def stock(self, count: int) -> None:
        """Put products into the catalogue, half of them in euro and half in dollars."""
        products = [
            product_pb2.Product(
                sku=f"A{number}",
                name="Thing",
                status=product_pb2.PRODUCT_STATUS_IN_STOCK,
                price=money_pb2.Money(units=10, currency_code=("EUR", "USD")[number % 2]),
            )
            for number in range(count)
        ]
        batch = product_pb2.ImportProductsRequest(batch_id="stock", products=products)
        async with connect(self.product, PRODUCT, tokens=self.products.tokens) as channel:
            await product_pb2_grpc.ProductServiceStub(channel).ImportProducts(iter([batch]))

    async def carts(self) -> list[cart_pb2.Cart]:
        assert self.gate.upstream is not None
        return await carts(self.gate.upstream, self.servers.tokens)


@pytest.fixture
def shop(product_servers: ProductServers, cart_servers: CartServers, gate: Gate) -> Shop:
    return Shop(product_servers, cart_servers, gate)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def flags(issuer: LoopbackIssuer, tmp_path: Path, gate: Gate, folder: Path) -> tuple[str, ...]:
    secret = issuer.write_secret(tmp_path, "cart-worker")
    return (
        *("--issuer", issuer.url, "--client-secret-file", str(secret)),
        *("--cart", gate.address, "--data", str(folder), "--currencies", "EUR,USD"),
        *("--codes", "WELCOME10", "--metrics-listen", "127.0.0.1:0", "--max-backoff", "100ms"),
    )


def once(shop: Shop, *flags: str) -> tuple[str, ...]:
    """Return the flags of a worker that makes one visit, and then waits for longer than we do."""
    return (*flags, "--product", shop.product, "--interval", "1h")


def bought(items: Iterable[cart_pb2.CartItem | Choice]) -> Counter[int]:
    """Return how many there are of each product."""
    return Counter({item.product_id: item.quantity for item in items})


async def stopped(worker: Program) -> None:
    worker.process.send_signal(signal.SIGTERM)
    assert await worker.ended() == 0, worker.text


async def test_a_customer_gets_a_cart_with_items_at_a_discount(
    shop: Shop, flags: tuple[str, ...]
) -> None:
    await shop.open()
    async with Program.running(WORKER, *once(shop, *flags), "--items", "4") as worker:
        added = await worker.event("items added")
        await stopped(worker)
    assert (added["added"], added["rejected"], added["repeated"]) == (4, 0, False)
    (cart,) = await shop.carts()
    assert cart.owner == added["owner"]
    assert {item.discount_code for item in cart.items} == {"WELCOME10"}
    total = cart.totals.total
    assert (total.units, total.currency_code) == (9 * cart.totals.unit_count, "EUR")


async def test_each_customer_pays_in_one_currency_and_comes_as_often_as_asked(
    shop: Shop, flags: tuple[str, ...]
) -> None:
    await shop.open()
    quick = ("--product", shop.product, "--interval", "1ms", "--visits", "2", "--customers", "3")
    async with Program.running(WORKER, *flags, *quick) as worker:
        await worker.event("items added", 8)
        await stopped(worker)
    owners = [event["owner"] for event in worker.named("items added")][:8]
    assert len(set(owners)) == 3
    assert owners[:2] == [owners[0]] * 2 == owners[6:]
    assert not [event for event in worker.named("items added") if event["rejected"]]
    currencies = {cart.owner: cart.totals.total.currency_code for cart in await shop.carts()}
    assert [currencies[owner] for owner in owners[:6:2]] == ["EUR", "USD", "EUR"]


def one_after_the_other(shop: Shop, *flags: str) -> tuple[str, ...]:
    """Return the flags of a worker that puts each product into one cart, two at a time."""
    quick = ("--product", shop.product, "--interval", "1ms", "--visits", "1000")
    return (*flags, *quick, "--items", "2", "--browse", "2")


def lose_answer_to_visit(number: int, shop: Shop, folder: Path) -> None:
    """Let the worker, which may be yet to come, not hear of a visit, nor of anything after it."""
    worker = CartWorkerState.load_or_create(folder / STATE).worker_id
    shop.gate.lose_answer_to(f"visit/{worker}/{number}".encode())


async def unanswered(shop: Shop, worker: Program, folder: Path) -> Visit:
    """Wait until Cart has stored the third visit, and return it."""
    added = await worker.event("items added", 2)
    assert shop.gate.upstream is not None
    async with connect(shop.gate.upstream, CART, tokens=shop.servers.tokens) as channel:
        request = cart_pb2.WatchCartRequest(owner=str(added["owner"]))
        async for response in cart_pb2_grpc.CartServiceStub(channel).WatchCart(request):
            state = CartWorkerState.load_or_create(folder / STATE)
            visit = state.visit if state.sequence == 2 else None
            if visit and bought(visit.choices) <= bought(response.state.cart.items):
                return visit
    raise AssertionError("the watch ended")


async def test_a_worker_killed_before_it_was_answered_adds_nothing_twice(
    shop: Shop, flags: tuple[str, ...], folder: Path
) -> None:
    await shop.open(products=200)
    lose_answer_to_visit(2, shop, folder)
    async with Program.running(WORKER, *one_after_the_other(shop, *flags)) as worker:
        visit = await unanswered(shop, worker, folder)
        await worker.kill()
    (before,) = await shop.carts()
    await shop.gate.open()
    async with Program.running(WORKER, *once(shop, *flags)) as worker:
        again = await worker.event("items added")
        await stopped(worker)
    assert again["repeated"] is True
    assert again["added"] == len(visit.choices)
    assert await shop.carts() == [before]


async def test_a_cart_killed_before_it_answered_is_waited_for_and_adds_nothing_twice(
    shop: Shop, flags: tuple[str, ...], folder: Path
) -> None:
    await shop.open(products=200)
    lose_answer_to_visit(2, shop, folder)
    async with Program.running(WORKER, *one_after_the_other(shop, *flags)) as worker:
        visit = await unanswered(shop, worker, folder)
        assert shop.cart is not None
        shop.gate.upstream = None
        await shop.cart.kill()
        await worker.event("cart is away, trying again")
        await shop.gate.open()
        # Nor does it get so far that it buys the same products again.
        lose_answer_to_visit(3, shop, folder)
        await shop.start_cart()
        again = await worker.event("items added", 3)
        await stopped(worker)
    assert worker.named("cart is back")
    assert [event for event in worker.named("items added") if event["repeated"]] == [again]
    (cart,) = await shop.carts()
    assert Counter(item.product_id for item in cart.items).most_common(1)[0][1] == 1
    items = bought(cart.items)
    assert all(items[choice.product_id] == choice.quantity for choice in visit.choices)


async def test_a_visit_waits_while_discount_is_away_and_pays_no_full_price(
    shop: Shop, flags: tuple[str, ...], folder: Path
) -> None:
    await shop.open(discount=False)
    async with Program.running(WORKER, *once(shop, *flags)) as worker:
        assert (await worker.event("cart is away, trying again"))["code"] == "UNAVAILABLE"
        await stopped(worker)
    assert [len(cart.items) for cart in await shop.carts()] == [0]
    shop.discount = (await shop.servers.discount())[1]
    assert shop.cart is not None
    await shop.cart.kill()
    await shop.start_cart()
    async with Program.running(WORKER, *once(shop, *flags)) as worker:
        await worker.event("items added")
        await stopped(worker)
    (cart,) = await shop.carts()
    assert {item.discount_code for item in cart.items} == {"WELCOME10"}


async def test_a_cart_that_was_deleted_meanwhile_is_made_again(
    shop: Shop, flags: tuple[str, ...]
) -> None:
    await shop.open()
    async with Program.running(
        WORKER, *flags, "--product", shop.product, "--interval", "10ms", "--visits", "1000"
    ) as worker:
        added = await worker.event("items added")
        assert shop.gate.upstream is not None
        async with connect(shop.gate.upstream, CART, tokens=shop.servers.tokens) as channel:
            stub, owner = cart_pb2_grpc.CartServiceStub(channel), str(added["owner"])
            await stub.DeleteCart(cart_pb2.DeleteCartRequest(owner=owner))
            async for response in stub.WatchCart(cart_pb2.WatchCartRequest(owner=owner)):
                if response.state.cart.items:
                    break
        await stopped(worker)
    assert [cart.owner for cart in await shop.carts()] == [added["owner"]]
    assert not worker.named("visit given up")


async def test_an_empty_catalogue_is_looked_at_again(shop: Shop, flags: tuple[str, ...]) -> None:
    await shop.open(products=0)
    async with Program.running(
        WORKER, *flags, "--product", shop.product, "--interval", "10ms"
    ) as worker:
        await worker.event("nothing to buy", 2)
        await shop.stock(4)
        added = await worker.event("items added")
        await stopped(worker)
    assert added["added"] == 2


async def test_a_visit_that_cart_refuses_is_given_up_and_the_next_one_made(
    shop: Shop, flags: tuple[str, ...], folder: Path
) -> None:
    await shop.open()
    path = folder / STATE
    async with Program.running(WORKER, *once(shop, *flags)) as worker:
        await worker.event("items added")
        await stopped(worker)
    state = CartWorkerState.load_or_create(path)
    # The id of the visit that Cart has stored, with other items.
    batch_id = f"visit/{state.worker_id}/0"
    owner = str(worker.named("items added")[0]["owner"])
    state.begin(Visit(owner, batch_id, (Choice(1, 9),))).save(path)
    async with Program.running(
        WORKER, *flags, "--product", shop.product, "--interval", "10ms"
    ) as worker:
        assert "FAILED_PRECONDITION" in (await worker.event("visit given up"))["reason"]
        await worker.event("items added")
        await stopped(worker)


async def test_many_visits_are_one_token_and_one_connection_to_each_server(
    shop: Shop, flags: tuple[str, ...], issuer: LoopbackIssuer
) -> None:
    await shop.open()
    async with Gate.running() as product:
        product.upstream = shop.product
        quick = ("--product", product.address, "--interval", "1ms")
        async with Program.running(WORKER, *flags, *quick) as worker:
            await worker.event("items added", 20)
            await stopped(worker)
        assert product.connections == 1
    assert shop.gate.connections == 1
    # Cart has one of its own, for Discount.
    assert issuer.requests[TOKENS] == 2


async def test_without_a_token_nothing_is_asked_of_cart_until_there_is_one(
    shop: Shop, flags: tuple[str, ...], issuer: LoopbackIssuer
) -> None:
    await shop.open()
    issuer.stop()
    async with Program.running(WORKER, *once(shop, *flags)) as worker:
        assert (await worker.event("cart is away, trying again"))["code"] == "UNAVAILABLE"
        assert shop.gate.connections == 0
        issuer.start()
        assert (await worker.event("items added"))["added"] > 0
        await stopped(worker)


async def test_a_token_that_cart_does_not_take_is_exit_code_1(
    shop: Shop, flags: tuple[str, ...]
) -> None:
    await shop.open()
    other = ("--resource", "urn:bodega:product")
    async with Program.running(WORKER, *once(shop, *flags), *other) as worker:
        assert await worker.ended() == 1
    assert "Cart refuses: UNAUTHENTICATED" in worker.text
    assert "Traceback" not in worker.text


async def test_two_workers_do_not_share_a_state(flags: tuple[str, ...]) -> None:
    async with Program.running(WORKER, *flags) as worker:
        await worker.event("visiting")
        async with Program.running(WORKER, *flags) as second:
            assert await second.ended() == 1
    assert "in use by another worker" in second.text


def damage(folder: Path, text: str) -> None:
    folder.mkdir()
    (folder / STATE).write_text(text)


@pytest.mark.parametrize(
    "text",
    ['{"worker_id": "a", "sequ', '{"worker_id": "a", "sequence": 1, "visit": {"owner": 1}}', "[]"],
)
async def test_a_damaged_state_makes_a_new_worker(
    text: str, flags: tuple[str, ...], folder: Path
) -> None:
    damage(folder, text)
    async with Program.running(WORKER, *flags) as worker:
        found = await worker.event("starting as a new worker")
    assert CartWorkerState.load_or_create(folder / STATE).worker_id == found["worker"]
