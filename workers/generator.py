"""A made-up shop: the same worker, sequence number and sizes always give the same products."""

from dataclasses import dataclass
from hashlib import blake2b

from google.type import money_pb2

from bodega.product.v1 import product_pb2
from workers.batches import BATCH_PRODUCTS

# Part of each batch id: whoever changes what is made raises it, since the server refuses a
# batch id that it knows with other rows.
EDITION = 1


@dataclass(frozen=True, slots=True)
class _Category:
    prefix: str
    things: tuple[str, ...]
    materials: tuple[str, ...]
    # Cheapest and dearest, in whole dollars.
    cheapest: int
    dearest: int


_CATEGORIES = (
    _Category("KIT", ("Chef's Knife", "Saucepan", "Teapot", "Mixing Bowl", "Chopping Board"),
              ("Steel", "Copper", "Enamel", "Olive Wood", "Cast Iron"), 9, 140),
    _Category("HOM", ("Desk Lamp", "Throw Blanket", "Wall Clock", "Picture Frame", "Vase"),
              ("Oak", "Linen", "Brass", "Walnut", "Stoneware"), 12, 220),
    _Category("GAR", ("Watering Can", "Pruning Shears", "Plant Pot", "Bird Feeder", "Trowel"),
              ("Zinc", "Terracotta", "Ash", "Forged", "Recycled"), 6, 90),
    _Category("APP", ("T-Shirt", "Cardigan", "Rain Jacket", "Beanie", "Wool Socks"),
              ("Merino", "Organic Cotton", "Waxed", "Alpaca", "Hemp"), 8, 260),
    _Category("OFF", ("Notebook", "Fountain Pen", "Desk Tray", "Pencil Case", "Letter Opener"),
              ("Leather", "Cork", "Aluminium", "Bamboo", "Felt"), 3, 120),
    _Category("OUT", ("Headlamp", "Camp Stove", "Dry Bag", "Sleeping Bag", "Water Bottle"),
              ("Titanium", "Ultralight", "Ripstop", "Insulated", "Folding"), 14, 380),
)  # fmt: skip
_LINES = ("Alder", "Bruma", "Costa", "Duna", "Estrel", "Fjord", "Granit", "Heide")
_COLOURS = ("Black", "Sand", "Moss", "Rust", "Ink", "Chalk", "Plum", "Slate")
# Currency, minor units of one unit, units that buy what a dollar buys. Euro, dollar and
# pound stand more than once, as they would in a shop.
_CURRENCIES = (
    ("EUR", 100, 1), ("EUR", 100, 1), ("USD", 100, 1), ("USD", 100, 1), ("GBP", 100, 1),
    ("CHF", 100, 1), ("SEK", 100, 10), ("JPY", 1, 150), ("KWD", 1000, 1),
)  # fmt: skip
_IN_STOCK, _LOW, _OUT = (
    product_pb2.PRODUCT_STATUS_IN_STOCK,
    product_pb2.PRODUCT_STATUS_LOW,
    product_pb2.PRODUCT_STATUS_OUT_OF_STOCK,
)


@dataclass(frozen=True, slots=True)
class Generator:
    """Makes the products of each interval.

    A worker walks round the catalogue from a place of its own. What a product is depends on
    its number alone, so all workers fill the same shop; its price and status are those of
    the worker's sequence number.
    """

    worker_id: str
    catalogue_size: int
    batch: int

    def requests(self, sequence: int) -> list[product_pb2.ImportProductsRequest]:
        """Return the messages of an interval; the same ids always with the same rows."""
        prefix = (
            f"generated/{EDITION}/{self.worker_id}/{self.catalogue_size}-{self.batch}/{sequence}"
        )
        products = self.products(sequence)
        return [
            product_pb2.ImportProductsRequest(
                batch_id=f"{prefix}/{chunk}", products=products[first : first + BATCH_PRODUCTS]
            )
            for chunk, first in enumerate(range(0, len(products), BATCH_PRODUCTS))
        ]

    def products(self, sequence: int) -> list[product_pb2.Product]:
        """Return the products of an interval, each SKU once."""
        first = _Dice(self.worker_id).roll(self.catalogue_size) + sequence * self.batch
        return [
            _product((first + step) % self.catalogue_size, f"{self.worker_id}/{sequence}")
            for step in range(self.batch)
        ]


class _Dice:
    """Numbers that depend on a text alone, on every machine and in every version of Python."""

    def __init__(self, seed: str) -> None:
        self._pool = int.from_bytes(blake2b(seed.encode(), digest_size=32).digest())

    def roll(self, sides: int) -> int:
        self._pool, result = divmod(self._pool, sides)
        return result

    def pick[T](self, choices: tuple[T, ...]) -> T:
        return choices[self.roll(len(choices))]


def _product(number: int, moment: str) -> product_pb2.Product:
    what, now = _Dice(f"product {number}"), _Dice(f"{number} at {moment}")
    category = what.pick(_CATEGORIES)
    thing, material = what.pick(category.things), what.pick(category.materials)
    line, colour = what.pick(_LINES), what.pick(_COLOURS)
    currency, minor_units, rate = what.pick(_CURRENCIES)
    usual = category.cheapest + what.roll(category.dearest - category.cheapest)
    return product_pb2.Product(
        sku=f"{category.prefix}-{number + 1:06}",
        name=f"{line} {material} {thing}, {colour}",
        description=(
            f"{thing} in {material.lower()} from our {line} line.\n"
            f"Colour: {colour.lower()}. Made to last, and to be repaired."
        ),
        price=_price(usual * rate, currency, minor_units, now),
        status=_status(now),
    )


def _price(usual: int, currency: str, minor_units: int, now: _Dice) -> money_pb2.Money:
    """Return the usual price give or take 15 percent, just below a whole amount."""
    units = max(1, usual * (85 + now.roll(31)) // 100)
    cents = 0 if minor_units == 1 else now.pick((0, 49, 90, 95, 99))
    return money_pb2.Money(currency_code=currency, units=units, nanos=cents * 10_000_000)


def _status(now: _Dice) -> product_pb2.ProductStatus.ValueType:
    chance = now.roll(100)
    if chance < 82:
        return _IN_STOCK
    return _LOW if chance < 94 else _OUT
