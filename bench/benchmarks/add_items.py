"""AddItems in chunks of 200, to one item a message and one discount call for each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import batched, count, islice
from typing import NamedTuple

from bench.benchmark import Options, check_equal
from bench.load import Call, h2load, write_body
from bench.market import CART, QUANTITY, Market, market
from bench.measure import Figure, Run, Series, Target, in_turns
from bodega.cart.v1 import cart_pb2

CHUNK = 200
ITEMS = 400
CARTS = 10
# One item a message takes so much longer; that its one cart is smaller is to its advantage.
SINGLE_ITEMS = 200


class Reached(NamedTuple):
    """What a side reached in a round."""

    rate: float
    cpu_micros: float


@dataclass(frozen=True, slots=True)
class Side:
    """Carts to fill one after the other, each by one stream of messages of `size` items."""

    carts: int
    items: int
    size: int

    async def run(self, options: Options, servers: Market, numbers: Iterator[int]) -> Reached:
        """Fill new carts, with codes that nobody has asked for before."""
        owners = [f"CUSTOMER-{number}" for number in islice(numbers, self.carts)]
        calls = [await self._call(options, servers, owner) for owner in owners]
        asked, cpu_seconds = await servers.times_asked(), servers.cpu_seconds()
        address = servers.shop.address("cart")
        loads = [await h2load(options.h2load, address, call, token=servers.token) for call in calls]
        cpu_seconds = servers.cpu_seconds() - cpu_seconds
        asked = await servers.times_asked() - asked
        items = self.carts * self.items
        check_equal("discount calls", asked, items // self.size)
        for owner in owners:
            await servers.check_cart(owner, self.items)
        return Reached(items / sum(load.seconds for load in loads), cpu_seconds / items * 1e6)

    async def _call(self, options: Options, servers: Market, owner: str) -> Call:
        """Return a call that fills the cart, which is made here, as are the codes of its items."""
        await servers.open_cart(owner)
        codes = [f"{owner}-{number}" for number in range(self.items)]
        await servers.make_codes(codes)
        items = [
            cart_pb2.NewItem(product_id=offer.product_id, quantity=QUANTITY, discount_code=code)
            for offer, code in zip(servers.offers[: self.items], codes, strict=True)
        ]
        messages = [
            cart_pb2.AddItemsRequest(owner=owner, batch_id=f"bench/{number}", items=batch)
            for number, batch in enumerate(batched(items, self.size, strict=False))
        ]
        file = options.folder / f"{owner}.body"
        write_body(file, (message.SerializeToString() for message in messages))
        return Call(f"/{CART.full_name}/AddItems", file)


async def run(options: Options) -> Sequence[Figure]:
    """Measure both ways in turns, with the same servers."""
    sides = {
        "chunks of 200": Side(CARTS, ITEMS, CHUNK),
        "one a message": Side(1, SINGLE_ITEMS, 1),
    }
    async with market(options.folder / "shop", ITEMS) as servers:
        numbers = count()
        runs: dict[str, Run[Reached]] = {
            name: partial(side.run, options, servers, numbers) for name, side in sides.items()
        }
        options.report("warming up")
        for warm_up in runs.values():
            await warm_up()
        return _figures(await in_turns(runs, options.rounds, options.report))


def _figures(reached: dict[str, tuple[Reached, ...]]) -> list[Figure]:
    chunks, single = (
        Series(side, "items/s", tuple(each.rate for each in values))
        for side, values in reached.items()
    )
    cpu, single_cpu = (
        Series(side, "µs", tuple(each.cpu_micros for each in values))
        for side, values in reached.items()
    )
    return [
        Figure(
            "AddItems, to one a message, one discount call each",
            chunks,
            single,
            Target("at least", 15.0),
        ),
        Figure("CPU an item of all servers, the same", cpu, single_cpu),
    ]
