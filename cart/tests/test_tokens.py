"""Who may do what: one's own cart with `carts`, anybody's with `carts.manage` as well."""

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from bodega.cart.v1 import cart_pb2 as pb
from bodega.cart.v1 import cart_pb2_grpc
from cart.server import SERVICE
from cart.service import Carts
from cart.settings import CartSettings
from cart.tests.examples import TEA, Shop, batch, failure, item, proposal, stream
from runtime.client import connect
from runtime.method import Method
from runtime.policy import policy_of
from runtime.settings import load
from runtime.testing.issuer import AUDIENCE, LoopbackIssuer
from runtime.testing.one_token import OneToken

if TYPE_CHECKING:
    from cart.tests.conftest import As
    from cart.tests.examples import Stub

type Call = Callable[[Stub, str], Any]

# Each call on the cart of an owner.
CALLS: dict[str, Call] = {
    "CreateCart": lambda stub, owner: stub.CreateCart(
        pb.CreateCartRequest(owner=owner, items=[item()])
    ),
    "GetCart": lambda stub, owner: stub.GetCart(pb.GetCartRequest(owner=owner)),
    "DeleteCart": lambda stub, owner: stub.DeleteCart(pb.DeleteCartRequest(owner=owner)),
    "AddItems": lambda stub, owner: stub.AddItems(stream(batch("b", item(), owner=owner))),
    "BatchAddItems": lambda stub, owner: stub.BatchAddItems(
        pb.BatchAddItemsRequest(owner=owner, batch_id="b", items=[item()])
    ),
    "UpdateItem": lambda stub, owner: stub.UpdateItem(
        pb.UpdateItemRequest(owner=owner, item_id=1, quantity=2)
    ),
    "RemoveItem": lambda stub, owner: stub.RemoveItem(pb.RemoveItemRequest(owner=owner, item_id=1)),
    "ClearCart": lambda stub, owner: stub.ClearCart(pb.ClearCartRequest(owner=owner)),
}
OTHERS: dict[str, Call] = {
    "ListCarts": lambda stub, _: stub.ListCarts(pb.ListCartsRequest()),
}
LIVE = {"SyncCart", "WatchCart"}
EVERY = CALLS | OTHERS


@pytest.fixture
async def bobs(carts: Carts) -> bytes:
    """The cart of bob, which no call of these tests may change."""
    made = await carts.create("bob", [proposal(TEA, 3)], allow_full_price=False, request_id="")
    return made.cart.message


@pytest.fixture
async def anns(carts: Carts) -> None:
    """A cart of ann."""
    await carts.create("ann", [proposal(TEA, 1)], allow_full_price=False, request_id="")


@pytest.fixture
async def stranger(address: str) -> AsyncIterator[Stub]:
    """A client without a token."""
    async with connect(address, SERVICE) as channel:
        yield cart_pb2_grpc.CartServiceStub(channel)


def test_every_call_wants_a_scope_and_to_list_all_carts_the_greater_one() -> None:
    for method in SERVICE.methods:
        policy = policy_of(Method(SERVICE.full_name, method.name, False, False, method))
        assert not policy.public
        assert policy.scopes == {"carts.manage" if method.name == "ListCarts" else "carts"}
    assert {each.name for each in SERVICE.methods} == set(EVERY) | LIVE


@pytest.mark.parametrize("name", EVERY)
async def test_a_stranger_reaches_nothing(stranger: Stub, bobs: bytes, name: str) -> None:
    """Seed fault 1: add and remove item were open to anyone."""
    found = await failure(EVERY[name](stranger, "bob"))
    assert (found.code, found.reason) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING")


@pytest.mark.parametrize("name", EVERY)
async def test_a_token_for_something_else_reaches_nothing(
    calling_as: As, address: str, issuer: LoopbackIssuer, name: str
) -> None:
    """Seed fault 2: the token's audience was not checked."""
    found = await failure(EVERY[name](calling_as("ann", "catalog.write"), ""))
    assert (found.code, found.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")
    elsewhere = OneToken(issuer.token("urn:other", "carts", "carts.manage", subject="ann"))
    async with connect(address, SERVICE, tokens=elsewhere) as channel:
        found = await failure(EVERY[name](cart_pb2_grpc.CartServiceStub(channel), ""))
    assert (found.code, found.reason) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID")


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("owner", ["bob", "nobody", "Ann", "ann ", "\x00", "x" * 201])
async def test_the_cart_of_another_is_out_of_reach_whether_or_not_there_is_one(
    stub: Stub, carts: Carts, shop: Shop, anns: None, bobs: bytes, name: str, owner: str
) -> None:
    """Seed fault 2: the user name came from the request, and any caller reached any cart."""
    asked = len(shop.quoted)
    found = await failure(CALLS[name](stub, owner))
    assert (found.code, found.reason) == (grpc.StatusCode.PERMISSION_DENIED, "OWNER_FORBIDDEN")
    assert owner not in found.info.metadata.values()
    assert (await carts.get("bob")).message == bobs
    assert len(shop.quoted) == asked


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("owner", ["", "ann"])
async def test_ones_own_cart_may_be_named(stub: Stub, carts: Carts, name: str, owner: str) -> None:
    if name != "CreateCart":
        await carts.create("ann", [proposal()], allow_full_price=False, request_id="")
    await CALLS[name](stub, owner)


@pytest.mark.parametrize("name", CALLS)
async def test_who_manages_carts_reaches_the_one_it_names(
    manager: Stub, carts: Carts, bobs: bytes, name: str
) -> None:
    owner = "cy" if name == "CreateCart" else "bob"
    await CALLS[name](manager, owner)
    if name not in {"GetCart", "CreateCart", "DeleteCart"}:
        assert (await carts.get("bob")).message != bobs
    found = await failure(CALLS["GetCart"](manager, ""))
    assert found.metadata["owner"] == "worker"


@pytest.mark.parametrize("name", CALLS)
async def test_the_scope_to_manage_is_not_enough_by_itself(
    calling_as: As, bobs: bytes, name: str
) -> None:
    found = await failure(CALLS[name](calling_as("worker", "carts.manage"), "bob"))
    assert (found.code, found.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")


async def test_a_customer_may_not_list_carts(stub: Stub, bobs: bytes) -> None:
    found = await failure(stub.ListCarts(pb.ListCartsRequest()))
    assert (found.code, found.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("owner", ["\x00", "a\nb", "x" * 201, "\x9f"])
async def test_an_owner_that_breaks_the_rule_is_refused(
    manager: Stub, name: str, owner: str
) -> None:
    found = await failure(CALLS[name](manager, owner))
    assert found.code == grpc.StatusCode.INVALID_ARGUMENT
    assert found.violations == [("owner", "must be 1 to 200 characters, none a control character")]


@pytest.mark.parametrize("owner", ["x" * 200, "茶" * 200, "a b", "'; DROP TABLE carts; --", "%"])
async def test_an_owner_may_be_called_nearly_anything(manager: Stub, owner: str) -> None:
    created = await CALLS["CreateCart"](manager, owner)
    found = await manager.GetCart(pb.GetCartRequest(owner=owner))
    assert found.cart == created.cart
    assert found.cart.owner == owner


async def test_while_the_issuer_is_away_a_token_that_was_never_seen_can_wait(
    address: str, issuer: LoopbackIssuer
) -> None:
    token = OneToken(issuer.token(AUDIENCE, "carts"))
    issuer.stop()
    async with connect(address, SERVICE, tokens=token) as channel:
        stub: Stub = cart_pb2_grpc.CartServiceStub(channel)
        found = await failure(stub.CreateCart(pb.CreateCartRequest()))
    assert (found.code, found.reason) == (grpc.StatusCode.UNAVAILABLE, "ISSUER_UNAVAILABLE")


async def test_without_flags_it_trusts_and_asks_what_is_on_this_machine() -> None:
    settings = load(CartSettings, [])
    assert (settings.issuer, settings.audience) == ("http://127.0.0.1:8080", "urn:bodega:cart")
    assert (settings.product, settings.discount) == ("127.0.0.1:50051", "127.0.0.1:50053")
    assert settings.resource == "urn:bodega:discount"
    assert settings.secret_file.parts[-2:] == ("clients", "cart.secret")
