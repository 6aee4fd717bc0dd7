"""Every bad input by its name, through a real client, on both engines.

Each answer names the field and the rule, and leaves the catalogue as it was.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from grpc import aio

from bodega.product.v1 import product_pb2 as pb
from product.service import Catalogue
from product.tests import raw_http2
from product.tests.examples import batch, message, money, next_of, raw, stream
from runtime.client import connect
from runtime.testing.failure import Failure
from runtime.testing.one_token import OneToken
from runtime.testing.waiting import PATIENCE, PATIENCE_SECONDS

if TYPE_CHECKING:
    from product.tests.examples import Stub


async def failure(call: Awaitable[Any]) -> Failure:
    with pytest.raises(aio.AioRpcError) as refused:
        await call
    return Failure(refused.value)


async def refused_fields(call: Awaitable[Any]) -> list[str]:
    found = await failure(call)
    assert found.code == grpc.StatusCode.INVALID_ARGUMENT
    assert found.reason == "INVALID_ARGUMENT"
    assert all(rule for _, rule in found.violations)
    return found.fields


@pytest.fixture(autouse=True)
async def untouched(catalogue: Catalogue, stub: Stub) -> AsyncIterator[pb.Product]:
    """Put one product there, and make sure afterwards that it is all there is."""
    created = await stub.CreateProduct(pb.CreateProductRequest(product=message("KEPT")))
    yield created.product
    page = await stub.ListProducts(pb.ListProductsRequest())
    assert list(page.products) == [created.product]


def create(product: pb.Product, request_id: str = "") -> pb.CreateProductRequest:
    return pb.CreateProductRequest(product=product, request_id=request_id)


def update(product: pb.Product, *paths: str) -> pb.UpdateProductRequest:
    return pb.UpdateProductRequest(product=product, update_mask=FieldMask(paths=paths))


@pytest.mark.parametrize("path", ["colour", "id", "create_time", "etag", "price.units", ""])
async def test_an_unknown_field_in_the_mask(stub: Stub, untouched: pb.Product, path: str) -> None:
    call = stub.UpdateProduct(update(untouched, "name", path))
    assert await refused_fields(call) == ["update_mask"]


async def test_an_empty_mask(stub: Stub, untouched: pb.Product) -> None:
    assert await refused_fields(stub.UpdateProduct(update(untouched))) == ["update_mask"]


async def test_a_stale_etag(stub: Stub, untouched: pb.Product) -> None:
    untouched = pb.Product(id=untouched.id, etag="abc", name="Other")
    found = await failure(stub.UpdateProduct(update(untouched, "name")))
    assert (found.code, found.metadata["field"]) == (grpc.StatusCode.ABORTED, "etag")


PRICES = {
    "negative price": (money(-1), "price.units"),
    "negative cents": (money(0, -10_000_000), "price.nanos"),
    "unknown currency": (money(1, 0, "XXX"), "price.currency_code"),
    "currency in small letters": (money(1, 0, "eur"), "price.currency_code"),
    "no price": (None, "price.currency_code"),
    "finer than a cent": (money(1, 1), "price.nanos"),
    "half a yen": (money(1, 500_000_000, "JPY"), "price.nanos"),
    "too much": (money(10**10 + 1), "price.units"),
    "too many nanos": (money(0, 2_000_000_000), "price.nanos"),
}


@pytest.mark.parametrize("name", PRICES)
async def test_a_price_that_breaks_a_rule(stub: Stub, untouched: pb.Product, name: str) -> None:
    price, field = PRICES[name]
    bad = message("NEW", price=price)
    assert f"product.{field}" in await refused_fields(stub.CreateProduct(create(bad)))
    changed = pb.Product(id=untouched.id, price=price)
    assert f"product.{field}" in await refused_fields(stub.UpdateProduct(update(changed, "price")))
    response = await stub.ImportProducts(stream(batch("b", [bad])))
    assert [(each.index, each.field) for each in response.rejected_products] == [(0, field)]
    assert (response.inserted_count, response.updated_count) == (0, 0)


FIELDS: dict[str, dict[str, Any]] = {
    "name of 1 MB": {"name": "x" * 1_000_000},
    "empty name": {"name": ""},
    "control character in the name": {"name": "a\x1b[2J"},
    "zero byte in the name": {"name": "a\0b"},
    "long description": {"description": "x" * 4001},
    "zero byte in the description": {"description": "\0"},
    "no status": {"status": 0},
    "unknown status": {"status": 99},
}


@pytest.mark.parametrize("name", FIELDS)
async def test_a_field_that_breaks_a_rule(stub: Stub, untouched: pb.Product, name: str) -> None:
    fields = FIELDS[name]
    (field,) = fields
    bad = message("NEW", **fields)
    assert await refused_fields(stub.CreateProduct(create(bad))) == [f"product.{field}"]
    changed = pb.Product(id=untouched.id, **fields)
    assert await refused_fields(stub.UpdateProduct(update(changed, field))) == [f"product.{field}"]
    response = await stub.ImportProducts(stream(batch("b", [bad])))
    assert [each.field for each in response.rejected_products] == [field]


@pytest.mark.parametrize("sku", ["", "a b", "ü", "x" * 65, "x" * 1_000_000])
async def test_a_sku_that_breaks_a_rule(stub: Stub, untouched: pb.Product, sku: str) -> None:
    bad = message(sku, name="New")
    assert await refused_fields(stub.CreateProduct(create(bad))) == ["product.sku"]
    changed = pb.Product(id=untouched.id, sku=sku)
    assert await refused_fields(stub.UpdateProduct(update(changed, "sku"))) == ["product.sku"]


async def test_no_product_at_all(stub: Stub) -> None:
    assert await refused_fields(stub.CreateProduct(pb.CreateProductRequest())) == [
        "product.sku",
        "product.name",
        "product.price.currency_code",
        "product.status",
    ]


async def test_a_request_id_that_is_no_uuid(stub: Stub) -> None:
    call = stub.CreateProduct(create(message("NEW"), request_id="1"))
    assert await refused_fields(call) == ["request_id"]


@pytest.mark.parametrize("product_id", [0, -1, -(2**63)])
async def test_a_product_id_below_one(stub: Stub, product_id: int) -> None:
    bad = pb.Product(id=product_id, name="Other")
    assert await refused_fields(stub.GetProduct(pb.GetProductRequest(id=product_id))) == ["id"]
    assert await refused_fields(stub.UpdateProduct(update(bad, "name"))) == ["product.id"]
    delete = pb.DeleteProductRequest(id=product_id)
    assert await refused_fields(stub.DeleteProduct(delete)) == ["id"]
    many = pb.BatchGetProductsRequest(ids=[1, product_id])
    assert await refused_fields(stub.BatchGetProducts(many)) == ["ids[1]"]


async def test_a_product_id_of_2_to_the_63_as_a_raw_varint(channel: aio.Channel) -> None:
    two_to_the_63 = b"\x08" + b"\x80" * 9 + b"\x01"
    for method in ("GetProduct", "DeleteProduct"):
        assert await refused_fields(raw(channel, method)(two_to_the_63)) == ["id"]


async def test_too_many_ids(stub: Stub) -> None:
    call = stub.BatchGetProducts(pb.BatchGetProductsRequest(ids=range(1, 202)))
    assert await refused_fields(call) == ["ids"]


async def test_strings_that_are_not_utf_8_from_a_raw_client(channel: aio.Channel) -> None:
    name = b"\x1a\x02\xff\xfe"
    product = b"\x0a" + bytes([len(name)]) + name
    for method in ("CreateProduct", "UpdateProduct"):
        found = await failure(raw(channel, method)(product))
        assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED")
    rows = b"\x0a\x01b\x12" + bytes([len(name)]) + name
    call = raw(channel, "ImportProducts", streams=True)(stream(rows))
    found = await failure(call)
    assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED")


async def test_bytes_that_are_no_message(channel: aio.Channel) -> None:
    for method in ("GetProduct", "ListProducts"):
        found = await failure(raw(channel, method)(b"\xff\xff"))
        assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED")


def chunk_of_5_mb() -> bytes:
    rows = [message(f"S{number}", description="x" * 4000) for number in range(1000)]
    request = batch("large", rows)
    for row in rows[:300]:
        request.products.add().CopyFrom(row)
    encoded = request.SerializeToString()
    assert len(encoded) > 5_000_000
    return encoded


async def test_a_chunk_of_5_mb(address: str, tokens: OneToken) -> None:
    """From a client that sets itself no limit."""
    no_limit = [("grpc.max_send_message_length", -1)]
    async with connect(address, timeout=PATIENCE, tokens=tokens, options=no_limit) as channel:
        call = raw(channel, "ImportProducts", streams=True)
        with pytest.raises(aio.AioRpcError) as refused:
            await call(stream(chunk_of_5_mb()))
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("rows", [0, 1001])
async def test_a_batch_of_no_rows_or_too_many(stub: Stub, rows: int) -> None:
    products = [message(f"S{number}") for number in range(rows)]
    found = await failure(stub.ImportProducts(stream(batch("b", products))))
    assert (found.code, found.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["products"])
    assert (found.metadata["batch_id"], found.metadata["batch_index"]) == ("b", "0")


@pytest.mark.parametrize("batch_id", ["", "a b", "x" * 129, "ü"])
async def test_a_batch_id_that_breaks_a_rule(stub: Stub, batch_id: str) -> None:
    call = stub.ImportProducts(stream(batch(batch_id, [message("NEW")])))
    assert await refused_fields(call) == ["batch_id"]


async def test_an_empty_stream(stub: Stub) -> None:
    found = await failure(stub.ImportProducts(stream()))
    assert found.code == grpc.StatusCode.INVALID_ARGUMENT
    assert found.violations == [("batch_id", "the stream must hold at least one batch")]


async def test_a_page_token_of_another_query(stub: Stub) -> None:
    await stub.ImportProducts(stream(batch("b", [message(f"S{n}") for n in range(3)])))
    first = await stub.ListProducts(pb.ListProductsRequest(page_size=1))
    token = first.next_page_token
    others = [
        pb.ListProductsRequest(page_token=token, order_by=pb.PRODUCT_ORDER_NEWEST),
        pb.ListProductsRequest(page_token=token, order_by=pb.PRODUCT_ORDER_NAME),
        pb.ListProductsRequest(page_token=token, filter=pb.ProductFilter(name_contains="x")),
        pb.ListProductsRequest(
            page_token=token, filter=pb.ProductFilter(statuses=[pb.PRODUCT_STATUS_LOW])
        ),
        pb.ListProductsRequest(page_token=token[:-1]),
        pb.ListProductsRequest(page_token="A" + token),
        pb.ListProductsRequest(page_token="no token"),
        pb.ListProductsRequest(page_token="é" * 10_000),
    ]
    for request in others:
        assert await refused_fields(stub.ListProducts(request)) == ["page_token"]
    for sku in range(3):
        await stub.DeleteProduct(pb.DeleteProductRequest(id=first.products[0].id + 1 + sku))


FILTERS = {
    "filter.statuses": pb.ProductFilter(statuses=[pb.PRODUCT_STATUS_UNSPECIFIED]),
    "filter.currency_code": pb.ProductFilter(currency_code="XXX"),
    "filter.name_contains": pb.ProductFilter(name_contains="x" * 201),
    "filter.min_price.currency_code": pb.ProductFilter(min_price=money(1)),
    "filter.max_price.currency_code": pb.ProductFilter(
        currency_code="EUR", max_price=money(1, 0, "USD")
    ),
    "filter.min_price.units": pb.ProductFilter(currency_code="EUR", min_price=money(-1)),
    "filter.max_price": pb.ProductFilter(
        currency_code="EUR", min_price=money(2), max_price=money(1)
    ),
}


@pytest.mark.parametrize("field", FILTERS)
async def test_a_filter_that_breaks_a_rule(stub: Stub, field: str) -> None:
    asked = FILTERS[field]
    listing = pb.ListProductsRequest(filter=asked)
    assert await refused_fields(stub.ListProducts(listing)) == [field]
    streaming = stub.StreamProducts(pb.StreamProductsRequest(filter=asked))
    assert await refused_fields(next_of(streaming)) == [field]


async def test_a_negative_page_size_and_an_unknown_order(stub: Stub) -> None:
    negative = stub.ListProducts(pb.ListProductsRequest(page_size=-1))
    assert await refused_fields(negative) == ["page_size"]
    unknown = stub.ListProducts(pb.ListProductsRequest(order_by=99))  # type: ignore[arg-type]
    assert await refused_fields(unknown) == ["order_by"]


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.StreamProductsRequest(chunk_size=-1), "chunk_size"),
        (pb.StreamProductsRequest(chunk_size=1001), "chunk_size"),
        (pb.StreamProductsRequest(after_id=-1), "after_id"),
    ],
    ids=str,
)
async def test_a_stream_beyond_its_limits(
    stub: Stub, request_: pb.StreamProductsRequest, field: str
) -> None:
    assert await refused_fields(next_of(stub.StreamProducts(request_))) == [field]


async def test_a_watch_from_a_revision_that_is_none(stub: Stub) -> None:
    below = stub.WatchProducts(pb.WatchProductsRequest(after_revision=-2))
    assert await refused_fields(next_of(below)) == ["after_revision"]
    ahead = stub.WatchProducts(pb.WatchProductsRequest(after_revision=10**6))
    found = await failure(next_of(ahead))
    assert (found.code, found.reason) == (grpc.StatusCode.OUT_OF_RANGE, "REVISION_AHEAD")
    assert found.metadata["field"] == "after_revision"


async def test_a_deadline_that_has_passed_before_the_message_came(
    stub: Stub, address: str, tokens: OneToken
) -> None:
    headers = {"grpc_timeout": "1m", "authorization": f"Bearer {tokens.ready()}"}
    new = message("NEW")
    writes = {
        "CreateProduct": create(new),
        "DeleteProduct": pb.DeleteProductRequest(id=1),
        "ImportProducts": batch("b", [new]),
    }
    async with asyncio.timeout(PATIENCE_SECONDS):
        for method, request in writes.items():
            path = f"/bodega.product.v1.ProductService/{method}"
            call = await raw_http2.Call.begin(address, path, **headers)
            await call.ended()
            call.send(request.SerializeToString())
            await stub.GetProduct(pb.GetProductRequest(id=1))
            await call.close()


async def test_the_same_message_in_time_is_carried_out(
    stub: Stub, address: str, tokens: OneToken
) -> None:
    """So the test above fails where something else stops the write."""
    path = "/bodega.product.v1.ProductService/CreateProduct"
    async with asyncio.timeout(PATIENCE_SECONDS):
        call = await raw_http2.Call.begin(
            address, path, grpc_timeout="60S", authorization=f"Bearer {tokens.ready()}"
        )
        call.send(create(message("NEW")).SerializeToString())
        await call.ended()
        await call.close()
    page = await stub.ListProducts(pb.ListProductsRequest())
    assert [each.sku for each in page.products] == ["KEPT", "NEW"]
    await stub.DeleteProduct(pb.DeleteProductRequest(id=page.products[1].id))


async def test_an_import_that_is_cancelled_before_its_first_batch(stub: Stub) -> None:
    begun = asyncio.Event()

    async def requests() -> AsyncIterator[pb.ImportProductsRequest]:
        begun.set()
        await asyncio.Event().wait()
        yield batch("b", [message("NEW")])

    call = stub.ImportProducts(requests())
    await begun.wait()
    call.cancel()
    assert await call.code() == grpc.StatusCode.CANCELLED
