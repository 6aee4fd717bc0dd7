"""The API through a real stub, on both engines: what each unary call promises."""

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from bodega.product.v1 import product_pb2 as pb
from product.tests.examples import batch, message, money, stream
from runtime.testing.failure import Failure

if TYPE_CHECKING:
    from product.tests.examples import Stub

REQUEST_ID = "6f1e9b8e-4d0c-4d8e-9a59-0c3f6a2b7d11"


async def create(stub: Stub, sku: str, **fields: Any) -> pb.Product:
    request = pb.CreateProductRequest(product=message(sku, **fields))
    return (await stub.CreateProduct(request)).product


async def get(stub: Stub, product_id: int) -> pb.Product:
    return (await stub.GetProduct(pb.GetProductRequest(id=product_id))).product


def update(
    product: pb.Product, *paths: str, etag: str = "", **fields: Any
) -> pb.UpdateProductRequest:
    changed = pb.Product(id=product.id, etag=etag, **fields)
    return pb.UpdateProductRequest(product=changed, update_mask=FieldMask(paths=paths))


async def test_a_created_product_is_read_as_it_was_sent(stub: Stub) -> None:
    sent = message("A", name="Tee 茶", description="a\nb", price=money(3, 50_000_000))
    created = (await stub.CreateProduct(pb.CreateProductRequest(product=sent))).product
    assert await get(stub, created.id) == created
    assert created.id >= 1
    assert created.etag
    assert created.create_time == created.update_time
    assert created.create_time.seconds > 1_700_000_000
    for field in ("id", "etag", "create_time", "update_time"):
        created.ClearField(field)
    assert created == sent


@pytest.mark.parametrize(
    "price",
    [money(0), money(1500, 0, "JPY"), money(1, 234_000_000, "BHD"), money(10**10, 0)],
    ids=str,
)
async def test_a_price_keeps_its_currency_and_its_last_digit(stub: Stub, price: object) -> None:
    assert (await create(stub, "A", price=price)).price == price


async def test_a_client_cannot_choose_the_id_or_the_times(stub: Stub) -> None:
    """Seed fault 11: a client could choose a product's id."""
    asked = message("A", id=4711, etag="1f", create_time={"seconds": 1}, update_time={"seconds": 2})
    created = (await stub.CreateProduct(pb.CreateProductRequest(product=asked))).product
    assert created.id != 4711
    assert created.create_time.seconds > 1_700_000_000


async def test_a_product_without_a_creation_time_is_stored_with_one_and_listed(
    stub: Stub,
) -> None:
    """Seed fault 10: such a product was stored, and broke every later listing."""
    await create(stub, "A")
    await stub.ImportProducts(stream(batch("b", [message("B")])))
    listed = (await stub.ListProducts(pb.ListProductsRequest())).products
    assert [each.sku for each in listed] == ["A", "B"]
    assert all(each.create_time.seconds > 1_700_000_000 for each in listed)


async def test_the_package_is_versioned_and_zero_is_no_status() -> None:
    """Seed fault 13: no package in the protos, and enum zero meant IN_STOCK."""
    assert pb.DESCRIPTOR.package == "bodega.product.v1"
    assert pb.PRODUCT_STATUS_UNSPECIFIED == 0


async def test_an_unknown_product_is_not_found(stub: Stub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await get(stub, 2**63 - 1)
    failure = Failure(refused.value)
    assert failure.code == grpc.StatusCode.NOT_FOUND
    assert failure.reason == "PRODUCT_NOT_FOUND"
    assert failure.metadata["field"] == "id"


async def test_a_taken_sku_already_exists(stub: Stub) -> None:
    await create(stub, "A")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await create(stub, "A")
    failure = Failure(refused.value)
    assert failure.code == grpc.StatusCode.ALREADY_EXISTS
    assert failure.metadata == {"field": "product.sku", "sku": "A"}


async def test_a_repeated_request_id_gets_the_first_answer(stub: Stub) -> None:
    request = pb.CreateProductRequest(product=message("A"), request_id=REQUEST_ID)
    first = await stub.CreateProduct(request)
    await stub.UpdateProduct(update(first.product, "name", name="Other"))
    request.request_id = REQUEST_ID.upper()
    assert await stub.CreateProduct(request) == first


async def test_a_request_id_with_another_product_is_refused(stub: Stub) -> None:
    await stub.CreateProduct(pb.CreateProductRequest(product=message("A"), request_id=REQUEST_ID))
    other = pb.CreateProductRequest(product=message("B"), request_id=REQUEST_ID)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.CreateProduct(other)
    failure = Failure(refused.value)
    assert failure.code == grpc.StatusCode.FAILED_PRECONDITION
    assert failure.reason == "REQUEST_ID_REUSED"
    assert len((await stub.ListProducts(pb.ListProductsRequest())).products) == 1


async def test_many_products_come_in_the_order_asked_for(stub: Stub) -> None:
    first, second = await create(stub, "A"), await create(stub, "B")
    request = pb.BatchGetProductsRequest(ids=[second.id, 999, first.id, second.id])
    response = await stub.BatchGetProducts(request)
    assert list(response.products) == [second, first]
    assert list(response.missing_ids) == [999]


async def test_the_largest_batch_of_the_largest_products_fits_a_message(
    stub: Stub,
) -> None:
    for start in range(0, 250, 50):
        largest = [
            message("S" * 60 + f"{number:04}", name="茶" * 200, description="🍵" * 4000)
            for number in range(start, start + 50)
        ]
        await stub.ImportProducts(stream(batch(f"b{start}", largest)))
    page = await stub.ListProducts(pb.ListProductsRequest(page_size=1000))
    assert 200 <= len(page.products) < 250
    assert page.next_page_token
    every_id = [
        each.id
        async for chunk in stub.StreamProducts(pb.StreamProductsRequest(chunk_size=1000))
        for each in chunk.products
    ]
    assert len(every_id) == 250
    response = await stub.BatchGetProducts(pb.BatchGetProductsRequest(ids=every_id[50:]))
    assert len(response.products) == 200


async def test_an_update_changes_what_the_mask_names_and_nothing_else(
    stub: Stub,
) -> None:
    """Seed fault 11: an update overwrote every field."""
    first = await create(stub, "A")
    request = update(first, "name", name="Other", description="ignored", price=money(99))
    changed = (await stub.UpdateProduct(request)).product
    assert (changed.name, changed.description, changed.price) == (
        "Other",
        first.description,
        first.price,
    )
    assert changed.etag != first.etag
    assert await get(stub, first.id) == changed


async def test_a_star_changes_every_field(stub: Stub) -> None:
    first = await create(stub, "A")
    wanted = message("B", name="Other", description="", price=money(5, 0, "JPY"), status=3)
    wanted.id = first.id
    request = pb.UpdateProductRequest(product=wanted, update_mask=FieldMask(paths=["*"]))
    changed = (await stub.UpdateProduct(request)).product
    assert (changed.sku, changed.name, changed.description) == ("B", "Other", "")
    assert (changed.price, changed.status) == (wanted.price, 3)
    assert changed.create_time == first.create_time


async def test_a_stale_etag_aborts_an_update_and_a_deletion(stub: Stub) -> None:
    first = await create(stub, "A")
    changed = await stub.UpdateProduct(update(first, "name", etag=first.etag, name="Other"))
    calls: list[Awaitable[object]] = [
        stub.UpdateProduct(update(first, "name", etag=first.etag, name="Late")),
        stub.UpdateProduct(update(first, "name", etag="no etag of ours", name="Late")),
        stub.DeleteProduct(pb.DeleteProductRequest(id=first.id, etag=first.etag)),
    ]
    for call in calls:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call
        failure = Failure(refused.value)
        assert failure.code == grpc.StatusCode.ABORTED
        assert failure.reason == "ETAG_STALE"
        assert failure.metadata["field"] == "etag"
    assert await get(stub, first.id) == changed.product


async def test_of_fifty_concurrent_updates_one_wins_and_none_is_lost(
    stub: Stub,
) -> None:
    """Seed fault 11: concurrent updates were lost."""
    first = await create(stub, "A")

    async def rename(number: int) -> str | None:
        call = stub.UpdateProduct(update(first, "name", etag=first.etag, name=f"N{number}"))
        code = await call.code()
        assert code in {grpc.StatusCode.OK, grpc.StatusCode.ABORTED}
        return f"N{number}" if code == grpc.StatusCode.OK else None

    won = [name for name in await asyncio.gather(*map(rename, range(50))) if name]
    assert [(await get(stub, first.id)).name] == won


async def test_a_deleted_product_is_gone(stub: Stub) -> None:
    first = await create(stub, "A")
    await stub.DeleteProduct(pb.DeleteProductRequest(id=first.id, etag=first.etag))
    calls: list[Awaitable[object]] = [
        stub.GetProduct(pb.GetProductRequest(id=first.id)),
        stub.DeleteProduct(pb.DeleteProductRequest(id=first.id)),
        stub.UpdateProduct(update(first, "name", name="x")),
    ]
    for call in calls:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call
        assert refused.value.code() == grpc.StatusCode.NOT_FOUND


async def listed(stub: Stub, size: int, request: pb.ListProductsRequest) -> list[list[str]]:
    pages = []
    while True:
        request.page_size = size
        response = await stub.ListProducts(request)
        pages.append([each.sku for each in response.products])
        request.page_token = response.next_page_token
        if not request.page_token:
            return pages


async def test_pages_follow_each_other_and_the_last_has_no_token(
    stub: Stub,
) -> None:
    for sku in "CABED":
        await create(stub, sku)
    request = pb.ListProductsRequest(order_by=pb.PRODUCT_ORDER_NAME)
    assert await listed(stub, 2, request) == [["A", "B"], ["C", "D"], ["E"]]
    newest = pb.ListProductsRequest(order_by=pb.PRODUCT_ORDER_NEWEST)
    assert await listed(stub, 5, newest) == [["D", "E", "B", "A", "C"]]
    assert await listed(stub, 0, pb.ListProductsRequest()) == [["C", "A", "B", "E", "D"]]


async def test_a_listing_takes_its_filter_into_account(stub: Stub) -> None:
    await create(stub, "A", price=money(1))
    await create(stub, "B", price=money(2), status=pb.PRODUCT_STATUS_LOW)
    await create(stub, "C", price=money(3))
    await create(stub, "D", price=money(2, 0, "JPY"))
    asked = pb.ProductFilter(currency_code="EUR", min_price=money(2), max_price=money(3))
    request = pb.ListProductsRequest(filter=asked, order_by=pb.PRODUCT_ORDER_PRICE_DESC)
    assert await listed(stub, 1, request) == [["C"], ["B"]]
    low = pb.ProductFilter(statuses=[pb.PRODUCT_STATUS_LOW])
    assert await listed(stub, 9, pb.ListProductsRequest(filter=low)) == [["B"]]
    named = pb.ProductFilter(name_contains="duct c")
    assert await listed(stub, 9, pb.ListProductsRequest(filter=named)) == [["C"]]


async def test_an_empty_catalogue_has_one_empty_page(stub: Stub) -> None:
    assert await listed(stub, 10, pb.ListProductsRequest()) == [[]]
