"""Watches and sessions that outlive their tokens, on both engines: nothing is missed or doubled."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, override

import grpc
import pytest
from grpc import aio

from bodega.cart.v1 import cart_pb2 as pb
from bodega.cart.v1 import cart_pb2_grpc
from cart.pricing.types import Quotes
from cart.store.change_notifier import CartHub
from cart.tests.conftest import SERVICE
from cart.tests.examples import POT, TEA, Shop, batch, failure, item, stream
from cart.tests.sessions import Session, cart_in
from runtime.auth.bearer import BearerGuard
from runtime.auth.issuer import Issuer
from runtime.auth.jwks import JwksLimits
from runtime.auth.token_source import Client, TokenSource
from runtime.backoff import Backoff
from runtime.client import connect
from runtime.testing.failure import Failure
from runtime.testing.issuer import AUDIENCE, LoopbackIssuer
from runtime.testing.waiting import PATIENCE_SECONDS, eventually

if TYPE_CHECKING:
    from cart.tests.conftest import As
    from cart.tests.examples import Stub

LIFETIMES = 3
# The issuer withdraws a key without a word: it is missed at the next fetch.
SHORT = JwksLimits(min_fresh=0.1, max_fresh=0.1)
EXPIRED = (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_EXPIRED")
KEY_WITHDRAWN = (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_KEY_WITHDRAWN")


class HeldShop(Shop):
    """Says nothing of pots until it may."""

    def __init__(self) -> None:
        super().__init__()
        self.free = asyncio.Event()

    @override
    async def quote(self, product_ids: Collection[int], codes: Collection[str]) -> Quotes:
        found = await super().quote(product_ids, codes)
        if POT in product_ids:
            await self.free.wait()
        return found


@pytest.fixture
def shop() -> HeldShop:
    return HeldShop()


@pytest.fixture
async def guard(issuer: LoopbackIssuer) -> AsyncIterator[BearerGuard]:
    leeway = timedelta(seconds=0.5)
    async with BearerGuard(Issuer(issuer.url), AUDIENCE, leeway=leeway, limits=SHORT) as made:
        yield made


@pytest.fixture
async def stub(address: str, issuer: LoopbackIssuer, tmp_path: Path) -> AsyncIterator[Stub]:
    """Calls of a client that fetches its tokens, which live for a second."""
    issuer.lifetime = 1
    secret = issuer.write_secret(tmp_path, "worker")
    client = Client("worker", secret, AUDIENCE, frozenset({"carts"}))
    async with (
        TokenSource(Issuer(issuer.url), client) as tokens,
        connect(address, SERVICE, tokens=tokens) as channel,
    ):
        yield cart_pb2_grpc.CartServiceStub(channel)


@pytest.fixture
def lasting(calling_as: As, issuer: LoopbackIssuer) -> Stub:
    """Calls for the same owner whose token lives as long as the test."""
    issuer.lifetime = 300
    return calling_as("worker")


class Endings:
    """How the streams ended that had been answered; one that was refused is opened again later."""

    def __init__(self) -> None:
        self.seen: list[tuple[grpc.StatusCode, str]] = []
        self.is_answered = False
        self._backoff = Backoff()

    @asynccontextmanager
    async def noted(self) -> AsyncIterator[None]:
        self.is_answered = False
        try:
            yield
        except aio.AioRpcError as error:
            found = Failure(error)
            if self.is_answered:
                self.seen.append((found.code, found.reason))
                self._backoff.reset()
            else:
                assert (found.code, found.reason) == EXPIRED
                await asyncio.sleep(self._backoff.next().total_seconds())


async def test_a_watch_of_three_token_lifetimes_sees_each_change_once(
    lasting: Stub, stub: Stub
) -> None:
    added = 0

    async def add() -> None:
        nonlocal added
        added += 1
        await lasting.AddItems(stream(batch(f"b{added}", item(TEA))))

    await lasting.CreateCart(pb.CreateCartRequest())
    shown: list[str] = []
    quantities: list[int] = []
    endings = Endings()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(endings.seen) < LIFETIMES:
            # Two changes that nobody has seen would arrive as one.
            if quantities[-1:] == [added] or not added:
                await add()
            first = len(shown)
            async with endings.noted():
                async for response in stub.WatchCart(pb.WatchCartRequest()):
                    endings.is_answered = True
                    cart = response.state.cart
                    # The first state may be the one that was seen last.
                    if cart.etag in shown[-1:]:
                        continue
                    shown.append(cart.etag)
                    quantities.append(cart.items[0].quantity)
                    if len(shown) < first + 3:
                        await add()
    assert quantities == [*range(1, len(quantities) + 1)]
    assert len(quantities) > LIFETIMES
    assert set(endings.seen) == {EXPIRED}


async def test_a_session_of_three_token_lifetimes_repeats_what_was_not_answered(
    lasting: Stub, stub: Stub
) -> None:
    await lasting.CreateCart(pb.CreateCartRequest())
    answered: set[str] = set()
    waiting: list[str] = []
    sent = 0
    endings = Endings()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(endings.seen) < LIFETIMES or waiting:
            async with endings.noted(), Session.opened(stub) as session:
                endings.is_answered = True
                while True:
                    while len(waiting) < 8 and len(endings.seen) < LIFETIMES:
                        sent += 1
                        waiting.append(f"op-{sent}")
                    if not waiting:
                        break
                    # gRPC keeps the status of a call back for as long as responses wait unread.
                    for name in tuple(waiting):
                        await session.add(name, item(TEA, color=name[-2:]))
                        result = await session.result()
                        assert (result.operation_id, result.HasField("error")) == (name, False)
                        waiting.remove(name)
                        answered.add(name)
    cart = (await lasting.GetCart(pb.GetCartRequest())).cart
    assert len(answered) == sent > LIFETIMES
    assert cart.totals.unit_count == sent
    assert set(endings.seen) == {EXPIRED}


async def test_a_withdrawn_key_ends_watches_and_sessions_and_an_addition_under_way_can_be_repeated(
    calling_as: As, issuer: LoopbackIssuer, shop: HeldShop, hub: CartHub
) -> None:
    issuer.max_age = 0
    old = calling_as("ann")
    await old.CreateCart(pb.CreateCartRequest())
    watched = old.WatchCart(pb.WatchCartRequest())
    async with Session.opened(old) as session:
        await session.add("a", item(TEA))
        await session.result()
        for name in "bc":
            await session.add(name, item(POT))
        await eventually(lambda: ({POT}, set()) in shop.quoted)
        issuer.rotate(keep=False)
        found = await failure(until_ended(session))
        assert (found.code, found.reason) == KEY_WITHDRAWN
        assert [each.operation_id for each in session.results] == ["a"]
    found = await failure(until_read(watched))
    assert (found.code, found.reason) == KEY_WITHDRAWN
    await eventually(lambda: hub.watched == 0)
    shop.free.set()
    async with Session.opened(calling_as("ann")) as again:
        state = cart_in(again.states[-1])
        assert state is not None
        assert state.totals.unit_count == 1
        for name in "abc":
            await again.add(name, item(TEA if name == "a" else POT))
        results = [await again.result() for _ in "abc"]
        await again.finish()
        assert [each.operation_id for each in results] == ["a", "b", "c"]
        last = cart_in(again.states[-1])
        assert last is not None
        assert last.totals.unit_count == 3


async def until_ended(session: Session) -> None:
    while await session.receive() is not None:
        pass


async def until_read(watched: Any) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await watched.read() is not aio.EOF:
            pass
