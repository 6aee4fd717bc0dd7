"""A request for each RPC that changes something, and the things that it would change."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.type import money_pb2

from bodega.cart.v1 import cart_pb2, cart_pb2_grpc
from bodega.discount.v1 import discount_pb2, discount_pb2_grpc
from bodega.product.v1 import product_pb2, product_pb2_grpc
from runtime.client import Channel

PRICE = money_pb2.Money(currency_code="EUR", units=8)


@dataclass(frozen=True, slots=True)
class Stock:
    """A product, a code, and a cart with an item in it; `name` is its owner, and new."""

    name: str
    product_id: int
    code: str
    item_id: int


def product(sku: str, **fields: Any) -> product_pb2.Product:
    return product_pb2.Product(
        sku=sku, name="Tea", price=PRICE, status=product_pb2.PRODUCT_STATUS_IN_STOCK, **fields
    )


def discount(code: str, **fields: Any) -> discount_pb2.Discount:
    return discount_pb2.Discount(code=code, active=True, **{"basis_points": 1_000} | fields)


def new_name() -> str:
    return f"ann-{secrets.token_hex(8)}"


async def stocked(name: str, channels: Mapping[str, Channel]) -> Stock:
    """Make the things; the channels carry good tokens of the owner's."""
    catalogue = product_pb2_grpc.ProductServiceStub(channels["product"])
    codes = discount_pb2_grpc.DiscountServiceStub(channels["discount"])
    carts = cart_pb2_grpc.CartServiceStub(channels["cart"])
    made = await catalogue.CreateProduct(product_pb2.CreateProductRequest(product=product(name)))
    code = name.upper()
    await codes.CreateDiscount(
        discount_pb2.CreateDiscountRequest(discount=discount(code, redemption_limit=1))
    )
    item = cart_pb2.NewItem(product_id=made.product.id, quantity=2)
    created = await carts.CreateCart(cart_pb2.CreateCartRequest(items=[item]))
    return Stock(name, made.product.id, code, created.cart.items[0].id)


def effects(stock: Stock) -> Mapping[str, Sequence[Message]]:
    """Return what to send, by path; in this order each still finds what it is about."""
    product_pb, discount_pb, cart_pb = product_pb2, discount_pb2, cart_pb2
    changed = product("", id=stock.product_id, description="Green")
    weaker = discount(stock.code, basis_points=500)
    item = cart_pb.NewItem(product_id=stock.product_id, quantity=1)
    added = cart_pb.CartOperation(operation_id="one", add=cart_pb.AddOperation(items=[item]))
    mask = FieldMask(paths=["basis_points"])
    catalogue = "bodega.product.v1.ProductService"
    codes = "bodega.discount.v1.DiscountService"
    carts = "bodega.cart.v1.CartService"
    return {
        f"{carts}/CreateCart": [cart_pb.CreateCartRequest(owner=f"{stock.name}-new", items=[item])],
        f"{carts}/UpdateItem": [cart_pb.UpdateItemRequest(item_id=stock.item_id, quantity=7)],
        f"{carts}/RemoveItem": [cart_pb.RemoveItemRequest(item_id=stock.item_id)],
        f"{carts}/AddItems": [cart_pb.AddItemsRequest(batch_id="a", items=[item])],
        f"{carts}/BatchAddItems": [cart_pb.BatchAddItemsRequest(batch_id="b", items=[item])],
        f"{carts}/ClearCart": [cart_pb.ClearCartRequest()],
        f"{carts}/SyncCart": [
            cart_pb.SyncCartRequest(open=cart_pb.OpenSession()),
            cart_pb.SyncCartRequest(operation=added),
        ],
        f"{carts}/DeleteCart": [cart_pb.DeleteCartRequest()],
        f"{codes}/RedeemDiscounts": [
            discount_pb.RedeemDiscountsRequest(redeemer=stock.name, codes=[stock.code])
        ],
        f"{codes}/UpdateDiscount": [
            discount_pb.UpdateDiscountRequest(discount=weaker, update_mask=mask)
        ],
        f"{codes}/DeleteDiscount": [discount_pb.DeleteDiscountRequest(code=stock.code)],
        f"{codes}/CreateDiscount": [
            discount_pb.CreateDiscountRequest(discount=discount(f"{stock.code}-2"))
        ],
        f"{catalogue}/UpdateProduct": [
            product_pb.UpdateProductRequest(
                product=changed, update_mask=FieldMask(paths=["description"])
            )
        ],
        f"{catalogue}/DeleteProduct": [product_pb.DeleteProductRequest(id=stock.product_id)],
        f"{catalogue}/CreateProduct": [
            product_pb.CreateProductRequest(product=product(f"{stock.name}-2"))
        ],
        f"{catalogue}/ImportProducts": [
            product_pb.ImportProductsRequest(
                batch_id=stock.name, products=[product(f"{stock.name}-3")]
            )
        ],
        f"{catalogue}/BatchImportProducts": [
            product_pb.BatchImportProductsRequest(
                batch_id=f"{stock.name}-one", products=[product(f"{stock.name}-4")]
            )
        ],
    }
