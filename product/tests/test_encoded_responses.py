"""Responses made of stored messages are, byte for byte, those made of message objects."""

from typing import Any

import pytest
from google.protobuf.message import Message
from grpc import aio
from sqlalchemy import null, update

from bodega.product.v1 import product_pb2 as pb
from product.store.tables import products
from product.tests.examples import batch, message, raw, stream
from runtime.database import Database

METHOD = "/bodega.product.v1.ProductService/"
LONG = "茶" * 3000


@pytest.fixture(params=["stored", "missing"])
async def filled(
    request: pytest.FixtureRequest, channel: aio.Channel, sqlite_database: Database
) -> aio.Channel:
    """With three products, of which the lengths take one to three bytes, and a deletion."""
    rows = [message("A", name="x", description=""), message("B"), message("C", description=LONG)]
    imports = channel.stream_unary(
        f"{METHOD}ImportProducts",
        pb.ImportProductsRequest.SerializeToString,
        pb.ImportProductsResponse.FromString,
    )
    await imports(stream(batch("b", [*rows, message("D")])))
    await raw(channel, "DeleteProduct")(pb.DeleteProductRequest(id=4).SerializeToString())
    if request.param == "missing":
        await sqlite_database.write(
            lambda connection: connection.execute(update(products).values(encoded=null())).rowcount
        )
    return channel


def raw_stream(channel: aio.Channel, method: str) -> Any:
    make: Any = channel.unary_stream
    return make(METHOD + method)


def check_canonical[M: Message](kind: type[M], data: bytes) -> M:
    """Parse the bytes, and check that the message has these and no other."""
    parsed = kind.FromString(data)
    assert parsed.SerializeToString() == data
    return parsed


async def test_one_product(filled: aio.Channel) -> None:
    for number, sku in enumerate("ABC", start=1):
        request = pb.GetProductRequest(id=number).SerializeToString()
        response = check_canonical(pb.GetProductResponse, await raw(filled, "GetProduct")(request))
        assert (response.product.id, response.product.sku) == (number, sku)


async def test_a_batch_of_products(filled: aio.Channel) -> None:
    request = pb.BatchGetProductsRequest(ids=[3, 4, 1, 300]).SerializeToString()
    data = await raw(filled, "BatchGetProducts")(request)
    response = check_canonical(pb.BatchGetProductsResponse, data)
    assert [each.sku for each in response.products] == ["C", "A"]
    assert list(response.missing_ids) == [4, 300]


async def test_a_page(filled: aio.Channel) -> None:
    request = pb.ListProductsRequest(page_size=2, order_by=pb.PRODUCT_ORDER_NEWEST)
    data = await raw(filled, "ListProducts")(request.SerializeToString())
    response = check_canonical(pb.ListProductsResponse, data)
    assert [each.sku for each in response.products] == ["C", "B"]
    assert response.next_page_token


@pytest.mark.parametrize("chunk_size", [0, 2])
async def test_a_stream(filled: aio.Channel, chunk_size: int) -> None:
    request = pb.StreamProductsRequest(chunk_size=chunk_size).SerializeToString()
    call = raw_stream(filled, "StreamProducts")(request)
    chunks = [check_canonical(pb.StreamProductsResponse, data) async for data in call]
    assert [[each.sku for each in chunk.products] for chunk in chunks] == (
        [["A", "B"], ["C"]] if chunk_size else [["A", "B", "C"]]
    )


async def test_changes(filled: aio.Channel) -> None:
    call = raw_stream(filled, "WatchProducts")(b"")
    response = check_canonical(pb.WatchProductsResponse, await call.read())
    call.cancel()
    assert [each.stored.sku for each in response.changes] == ["A", "B", "C"]
    assert response.revision == 5

    request = pb.WatchProductsRequest(after_revision=3).SerializeToString()
    call = raw_stream(filled, "WatchProducts")(request)
    response = check_canonical(pb.WatchProductsResponse, await call.read())
    call.cancel()
    assert [each.deleted_id for each in response.changes] == [4]
