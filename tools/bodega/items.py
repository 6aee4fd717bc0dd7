"""Items as they are typed: PRODUCT_ID[:QUANTITY]."""

import argparse
import re
from dataclasses import dataclass

from bodega.cart.v1 import cart_pb2

_ITEM = re.compile(r"([0-9]{1,18})(?::([0-9]{1,9}))?")


@dataclass(frozen=True, slots=True)
class Item:
    """A product and how many of it."""

    product_id: int
    quantity: int

    def __str__(self) -> str:
        return f"{self.product_id}:{self.quantity}"

    def to_proto(self, color: str, code: str) -> cart_pb2.NewItem:
        """Return the item in a colour, with a discount code."""
        return cart_pb2.NewItem(
            product_id=self.product_id, quantity=self.quantity, color=color, discount_code=code
        )


def parse_item(text: str) -> Item:
    """Read the argument `17` or `17:2`."""
    parts = _ITEM.fullmatch(text)
    if parts is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no item such as 17 or 17:2")
    return Item(int(parts[1]), int(parts[2] or 1))
