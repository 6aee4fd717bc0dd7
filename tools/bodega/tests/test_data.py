from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money

from bodega.cart.v1 import cart_pb2
from bodega.discount.v1 import discount_pb2
from bodega.product.v1 import product_pb2
from tools.bodega.data import enum_words, to_data


def test_a_message_is_named_as_in_the_proto_and_plain() -> None:
    product = product_pb2.Product(
        id=2**40,
        price=Money(currency_code="EUR", units=12),
        status=product_pb2.PRODUCT_STATUS_OUT_OF_STOCK,
        create_time=Timestamp(seconds=1),
    )
    assert to_data(product) == {
        "id": 2**40,
        "sku": "",
        "name": "",
        "description": "",
        "price": {"currency": "EUR", "amount": "12.00"},
        "status": "out_of_stock",
        "create_time": "1970-01-01T00:00:01Z",
        "etag": "",
    }


def test_of_a_choice_there_is_what_was_chosen() -> None:
    percent = to_data(discount_pb2.Discount(basis_points=1250))
    assert percent["basis_points"] == 1250
    assert "fixed" not in percent
    change = product_pb2.ProductChange(revision=3, deleted_id=7)
    assert to_data(change) == {"revision": 3, "deleted_id": 7}


def test_messages_in_messages_are_plain_too() -> None:
    cart = cart_pb2.Cart(items=[cart_pb2.CartItem(id=1, total=Money(currency_code="JPY", units=5))])
    assert to_data(cart)["items"][0]["total"] == {"currency": "JPY", "amount": "5"}


def test_a_value_that_is_newer_than_we_are_is_its_number() -> None:
    assert to_data(cart_pb2.ItemNotice(issue=99))["issue"] == "99"  # type: ignore[arg-type]


def test_the_words_of_an_enum_leave_zero_out() -> None:
    assert list(enum_words(product_pb2.ProductStatus.DESCRIPTOR)) == [
        "in_stock",
        "low",
        "out_of_stock",
    ]
