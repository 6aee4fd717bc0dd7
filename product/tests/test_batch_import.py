"""BatchImportProducts through a real stub, on both engines."""

from typing import TYPE_CHECKING

import grpc
import pytest

from bodega.product.v1 import product_pb2 as pb
from product.tests.examples import batch, message, money, stream
from runtime.testing.failure import Failure

if TYPE_CHECKING:
    from product.tests.examples import Stub


def request(batch_id: str, *products: pb.Product) -> pb.BatchImportProductsRequest:
    return pb.BatchImportProductsRequest(batch_id=batch_id, products=products)


async def refusal(stub: Stub, sent: pb.BatchImportProductsRequest) -> Failure:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.BatchImportProducts(sent)
    return Failure(refused.value)


async def names(stub: Stub) -> list[str]:
    listed = await stub.ListProducts(pb.ListProductsRequest())
    return [each.name for each in listed.products]


async def test_a_batch_counts_what_became_of_each_row(stub: Stub) -> None:
    await stub.BatchImportProducts(request("before", message("A"), message("B")))
    response = await stub.BatchImportProducts(
        request("a", message("A", name="New"), message("B"), message("C"), message("D", name=""))
    )
    assert (response.inserted_count, response.updated_count, response.unchanged_count) == (1, 2, 1)
    assert [(each.batch_id, each.index, each.field) for each in response.rejected_products] == [
        ("a", 3, "name")
    ]
    assert not response.repeated_batch
    assert await names(stub) == ["New", "Product B", "Product C"]


async def test_a_repeated_batch_has_no_effect_and_its_first_result(stub: Stub) -> None:
    sent = request("a", message("A"), message("B", price=money(-1)))
    first = await stub.BatchImportProducts(sent)
    again = await stub.BatchImportProducts(sent)
    assert (first.repeated_batch, again.repeated_batch) == (False, True)
    again.repeated_batch = False
    assert again == first


async def test_a_batch_of_a_stream_and_a_batch_alone_are_the_same_batch(stub: Stub) -> None:
    await stub.ImportProducts(stream(batch("a", [message("A")])))
    assert (await stub.BatchImportProducts(request("a", message("A")))).repeated_batch
    found = await refusal(stub, request("a", message("B")))
    assert (found.code, found.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "BATCH_ID_REUSED")
    assert await names(stub) == ["Product A"]


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        (request("", message("A")), "batch_id"),
        (request("a"), "products"),
        (request("a", *[message("A")] * 1_001), "products"),
    ],
)
async def test_a_batch_that_breaks_a_limit_is_refused_whole(
    stub: Stub, sent: pb.BatchImportProductsRequest, field: str
) -> None:
    found = await refusal(stub, sent)
    assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")
    assert found.fields == [field]
    assert await names(stub) == []
