"""A visit: what a made-up customer puts in the cart, decided before anything is sent."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from bodega.cart.v1 import cart_pb2


@dataclass(frozen=True, slots=True)
class Choice:
    """A product, how many of it, and the discount code to buy it with."""

    product_id: int
    quantity: int
    code: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """The choices of one visit, under the id by which Cart recognises them."""

    owner: str
    batch_id: str
    choices: Sequence[Choice]

    @classmethod
    def parse(cls, content: dict[str, Any]) -> Self:
        """Read what `asdict` made; KeyError, TypeError or ValueError where it is something else."""
        choices = tuple(_choice(choice) for choice in content["choices"])
        return cls(_text(content["owner"]), _text(content["batch_id"]), choices)

    def content(self) -> dict[str, object]:
        """Return it as JSON has it."""
        return asdict(self)

    def request(self) -> cart_pb2.AddItemsRequest:
        """Return the message that carries it; always the same one."""
        items = [
            cart_pb2.NewItem(
                product_id=choice.product_id, quantity=choice.quantity, discount_code=choice.code
            )
            for choice in self.choices
        ]
        return cart_pb2.AddItemsRequest(owner=self.owner, batch_id=self.batch_id, items=items)


def _choice(content: dict[str, Any]) -> Choice:
    product_id, quantity = content["product_id"], content["quantity"]
    if not (isinstance(product_id, int) and isinstance(quantity, int)):
        raise TypeError("no numbers", product_id, quantity)
    return Choice(product_id, quantity, _text(content["code"]))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text", value)
    return value
