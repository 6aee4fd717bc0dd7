"""The API of the catalogue: messages to the domain's terms and back."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from functools import lru_cache
from typing import Any, override

from google.protobuf.timestamp_pb2 import Timestamp
from google.type import money_pb2

from bodega.product.v1 import product_pb2, product_pb2_grpc
from product.model import (
    BadPrice,
    Change,
    Changes,
    Filter,
    ImportSummary,
    Message,
    Order,
    Product,
    Proposal,
)
from product.service import Catalogue
from runtime.call import Context
from runtime.clock import Micros
from runtime.currencies import EXPONENTS
from runtime.encoded import encoded, encoded_field, message_field, message_fields
from runtime.endless import endless
from runtime.errors import InvalidArgument
from runtime.etag import etag_of
from runtime.money import Money
from runtime.money_proto import from_proto
from runtime.money_proto import to_proto as money_to_proto
from runtime.validation import refuse

# The numbers of the fields that hold messages of products.
_PRODUCT = product_pb2.GetProductResponse.PRODUCT_FIELD_NUMBER
_CREATED = product_pb2.CreateProductResponse.PRODUCT_FIELD_NUMBER
_UPDATED = product_pb2.UpdateProductResponse.PRODUCT_FIELD_NUMBER
_PRODUCTS = product_pb2.StreamProductsResponse.PRODUCTS_FIELD_NUMBER
_CHANGES = product_pb2.WatchProductsResponse.CHANGES_FIELD_NUMBER
_STORED = product_pb2.ProductChange.STORED_FIELD_NUMBER

_ORDERS = {
    product_pb2.PRODUCT_ORDER_UNSPECIFIED: Order.ID,
    product_pb2.PRODUCT_ORDER_NAME: Order.NAME,
    product_pb2.PRODUCT_ORDER_PRICE_ASC: Order.PRICE,
    product_pb2.PRODUCT_ORDER_PRICE_DESC: Order.PRICE_DESCENDING,
    product_pb2.PRODUCT_ORDER_NEWEST: Order.NEWEST,
}


class ProductServicer(product_pb2_grpc.ProductServiceServicer):
    """bodega.product.v1.ProductService."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    @override
    async def GetProduct(
        self, request: product_pb2.GetProductRequest, _context: Context
    ) -> product_pb2.GetProductResponse:
        message = await self._catalogue.get(request.id)
        return encoded_field(product_pb2.GetProductResponse, _PRODUCT, message)

    @override
    async def BatchGetProducts(
        self, request: product_pb2.BatchGetProductsRequest, _context: Context
    ) -> product_pb2.BatchGetProductsResponse:
        found = await self._catalogue.get_many(request.ids)
        rest = product_pb2.BatchGetProductsResponse(missing_ids=found.missing_ids)
        data = message_fields(_PRODUCTS, found.messages) + rest.SerializeToString()
        return encoded(product_pb2.BatchGetProductsResponse, data)

    @override
    async def ListProducts(
        self, request: product_pb2.ListProductsRequest, _context: Context
    ) -> product_pb2.ListProductsResponse:
        page = await self._catalogue.list_page(
            _filter(request.filter), _order(request.order_by), request.page_size, request.page_token
        )
        rest = product_pb2.ListProductsResponse(next_page_token=page.next_page_token)
        data = message_fields(_PRODUCTS, page.messages) + rest.SerializeToString()
        return encoded(product_pb2.ListProductsResponse, data)

    @override
    async def StreamProducts(
        self, request: product_pb2.StreamProductsRequest, _context: Context
    ) -> AsyncGenerator[product_pb2.StreamProductsResponse]:
        asked = _filter(request.filter)
        chunks = self._catalogue.stream(asked, request.after_id, request.chunk_size)
        async with aclosing(chunks):
            async for chunk in chunks:
                data = message_fields(_PRODUCTS, chunk)
                yield encoded(product_pb2.StreamProductsResponse, data)

    @override
    async def CreateProduct(
        self, request: product_pb2.CreateProductRequest, _context: Context
    ) -> product_pb2.CreateProductResponse:
        product = await self._catalogue.create(_proposal(request.product), request.request_id)
        return encoded_field(product_pb2.CreateProductResponse, _CREATED, encode(product))

    @override
    async def UpdateProduct(
        self, request: product_pb2.UpdateProductRequest, _context: Context
    ) -> product_pb2.UpdateProductResponse:
        product = await self._catalogue.update(
            request.product.id,
            request.product.etag,
            _proposal(request.product),
            request.update_mask.paths,
        )
        return encoded_field(product_pb2.UpdateProductResponse, _UPDATED, encode(product))

    @override
    async def DeleteProduct(
        self, request: product_pb2.DeleteProductRequest, _context: Context
    ) -> product_pb2.DeleteProductResponse:
        await self._catalogue.delete(request.id, request.etag)
        return product_pb2.DeleteProductResponse()

    @override
    async def ImportProducts(
        self,
        request_iterator: AsyncIterator[product_pb2.ImportProductsRequest],
        _context: Context,
    ) -> product_pb2.ImportProductsResponse:
        batches = (
            (request.batch_id, [_proposal(each) for each in request.products])
            async for request in request_iterator
        )
        return _summary_to_proto(await self._catalogue.import_batches(batches))

    @override
    async def BatchImportProducts(
        self, request: product_pb2.BatchImportProductsRequest, _context: Context
    ) -> product_pb2.BatchImportProductsResponse:
        rows = [_proposal(each) for each in request.products]
        summary = await self._catalogue.import_batch(request.batch_id, rows)
        return product_pb2.BatchImportProductsResponse(
            inserted_count=summary.inserted,
            updated_count=summary.updated,
            unchanged_count=summary.unchanged,
            rejected_products=_rejections_to_proto(summary),
            repeated_batch=bool(summary.repeated_batches),
        )

    @override
    @endless
    async def WatchProducts(
        self, request: product_pb2.WatchProductsRequest, _context: Context
    ) -> AsyncGenerator[product_pb2.WatchProductsResponse]:
        async with aclosing(self._catalogue.watch(request.after_revision)) as watched:
            async for changes in watched:
                yield _changes_to_proto(changes)


def _order(order: product_pb2.ProductOrder.ValueType) -> Order:
    if order not in _ORDERS:
        raise refuse("order_by", f"must be a ProductOrder: there is none numbered {order}")
    return _ORDERS[order]


def _filter(message: product_pb2.ProductFilter) -> Filter:
    return Filter(
        statuses=tuple(message.statuses),
        currency=message.currency_code,
        min_minor=_bound(message, "min_price"),
        max_minor=_bound(message, "max_price"),
        name_contains=message.name_contains,
    )


def _bound(message: product_pb2.ProductFilter, name: Any) -> int | None:
    if not message.HasField(name):
        return None
    money: money_pb2.Money = getattr(message, name)
    if money.currency_code != message.currency_code:
        raise refuse(f"filter.{name}.currency_code", "must be that of filter.currency_code")
    return from_proto(money, field=f"filter.{name}").minor


def _proposal(message: product_pb2.Product) -> Proposal:
    price: Money | BadPrice
    try:
        price = from_proto(message.price, field="price")
    except InvalidArgument as error:
        sent = message.price
        price = BadPrice(sent.currency_code, sent.units, sent.nanos, error.violations)
    return Proposal(message.sku, message.name, message.description, price, message.status)


def encode(product: Product) -> Message:
    """Return the product's message, as the store keeps it to be sent.

    An encoded message may be merged into another, and even half a price; so what many products
    share is encoded once. To set it field by field costs more than all the rest, and an import
    does it for every row.
    """
    number, sku, name, text, currency, minor, status, created, updated, revision = product
    units, fraction = divmod(minor, _MINOR_UNITS[currency])
    message = product_pb2.Product.FromString(
        _encoded_units(currency, units)
        + _encoded_fraction(currency, fraction)
        + _encoded_times(created, updated)
    )
    message.id = number
    message.sku = sku
    message.name = name
    message.description = text
    message.status = status  # type: ignore[assignment]  # numbered as in the API
    message.etag = etag_of(revision)
    return message.SerializeToString()


_MINOR_UNITS = {currency: 10**exponent for currency, exponent in EXPONENTS.items()}


@lru_cache(16384)
def _encoded_units(currency: str, units: int) -> bytes:
    price = money_pb2.Money(currency_code=currency, units=units)
    return product_pb2.Product(price=price).SerializeToString()


@lru_cache(4096)
def _encoded_fraction(currency: str, fraction: int) -> bytes:
    price = money_pb2.Money(nanos=money_to_proto(Money(currency, fraction)).nanos)
    return product_pb2.Product(price=price).SerializeToString()


@lru_cache(256)
def _encoded_times(created: Micros, updated: Micros) -> bytes:
    return product_pb2.Product(
        create_time=_timestamp(created), update_time=_timestamp(updated)
    ).SerializeToString()


def _timestamp(micros: Micros) -> Timestamp:
    seconds, rest = divmod(micros, 10**6)
    return Timestamp(seconds=seconds, nanos=rest * 1000)


def _summary_to_proto(summary: ImportSummary) -> product_pb2.ImportProductsResponse:
    return product_pb2.ImportProductsResponse(
        inserted_count=summary.inserted,
        updated_count=summary.updated,
        unchanged_count=summary.unchanged,
        rejected_count=summary.rejected,
        repeated_batch_count=summary.repeated_batches,
        rejected_products=_rejections_to_proto(summary),
    )


def _rejections_to_proto(summary: ImportSummary) -> Iterator[product_pb2.RejectedProduct]:
    for batch_id, each in summary.rejections:
        yield product_pb2.RejectedProduct(
            batch_id=batch_id, index=each.row, field=each.field, description=each.rule
        )


def _changes_to_proto(changes: Changes) -> product_pb2.WatchProductsResponse:
    rest = product_pb2.WatchProductsResponse(revision=changes.revision)
    messages = [_encoded_change(each) for each in changes.changes]
    data = message_fields(_CHANGES, messages) + rest.SerializeToString()
    return encoded(product_pb2.WatchProductsResponse, data)


def _encoded_change(change: Change) -> bytes:
    if change.message is None:
        return product_pb2.ProductChange(
            revision=change.revision, deleted_id=change.product_id
        ).SerializeToString()
    revision = product_pb2.ProductChange(revision=change.revision).SerializeToString()
    return revision + message_field(_STORED, change.message)
