"""Who may do what: reading is open, what changes the catalogue wants a token with the scope."""

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from grpc import aio

from bodega.product.v1 import product_pb2 as pb
from bodega.product.v1 import product_pb2_grpc
from product.server import SERVICE
from product.settings import ProductSettings
from product.tests.examples import batch, message, stream
from runtime.client import connect
from runtime.method import Method
from runtime.policy import policy_of
from runtime.settings import load
from runtime.testing.failure import Failure
from runtime.testing.issuer import AUDIENCE, LoopbackIssuer
from runtime.testing.waiting import PATIENCE

if TYPE_CHECKING:
    from product.tests.examples import Stub

WRITES = {
    "CreateProduct",
    "UpdateProduct",
    "DeleteProduct",
    "ImportProducts",
    "BatchImportProducts",
}

type Write = Callable[[Any, Any], Any]

WRITE: dict[str, Write] = {
    "CreateProduct": lambda stub, metadata: stub.CreateProduct(
        pb.CreateProductRequest(product=message("A")), metadata=metadata
    ),
    "UpdateProduct": lambda stub, metadata: stub.UpdateProduct(
        pb.UpdateProductRequest(), metadata=metadata
    ),
    "DeleteProduct": lambda stub, metadata: stub.DeleteProduct(
        pb.DeleteProductRequest(), metadata=metadata
    ),
    "BatchImportProducts": lambda stub, metadata: stub.BatchImportProducts(
        pb.BatchImportProductsRequest(batch_id="b", products=[message("A")]), metadata=metadata
    ),
    "ImportProducts": lambda stub, metadata: stub.ImportProducts(
        stream(batch("b", [message("A")])), metadata=metadata
    ),
}


@pytest.fixture
async def stranger(address: str) -> AsyncIterator[Stub]:
    """A client without a token."""
    async with connect(address, SERVICE, timeout=PATIENCE) as channel:
        yield product_pb2_grpc.ProductServiceStub(channel)


async def failure(call: Any) -> Failure:
    with pytest.raises(aio.AioRpcError) as refused:
        await call
    return Failure(refused.value)


def bearer(token: str) -> tuple[tuple[str, str]]:
    return (("authorization", f"Bearer {token}"),)


def test_all_that_changes_the_catalogue_wants_the_scope_and_nothing_else_does() -> None:
    policies = {
        method.name: policy_of(Method(SERVICE.full_name, method.name, False, False, method))
        for method in SERVICE.methods
    }
    assert set(WRITE) == WRITES
    for name, policy in policies.items():
        assert policy.public is (name not in WRITES)
        assert policy.scopes == ({"catalog.write"} if name in WRITES else set())


@pytest.mark.parametrize("write", WRITE.values(), ids=WRITE)
async def test_a_stranger_may_not_write(stranger: Stub, write: Write) -> None:
    found = await failure(write(stranger, None))
    assert (found.code, found.reason) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING")


@pytest.mark.parametrize("write", WRITE.values(), ids=WRITE)
async def test_a_token_for_something_else_may_not_write(
    stranger: Stub, issuer: LoopbackIssuer, write: Write
) -> None:
    token = issuer.token(AUDIENCE, "catalog.read", "cart.write")
    found = await failure(write(stranger, bearer(token)))
    assert (found.code, found.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")
    found = await failure(write(stranger, bearer(issuer.token("urn:other", "catalog.write"))))
    assert (found.code, found.reason) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID")


async def test_while_the_issuer_is_away_reading_works_and_writing_can_wait(
    stranger: Stub, issuer: LoopbackIssuer
) -> None:
    token = issuer.token(AUDIENCE, "catalog.write")
    issuer.stop()
    found = await failure(WRITE["CreateProduct"](stranger, bearer(token)))
    assert (found.code, found.reason) == (grpc.StatusCode.UNAVAILABLE, "ISSUER_UNAVAILABLE")
    assert not (await stranger.ListProducts(pb.ListProductsRequest())).products


async def test_without_an_issuer_named_it_trusts_the_one_of_this_machine() -> None:
    settings = load(ProductSettings, [])
    assert (settings.issuer, settings.audience) == ("http://127.0.0.1:8080", "urn:bodega:product")
