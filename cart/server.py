"""The cart server's main."""

import asyncio

from bodega.cart.v1 import cart_pb2, cart_pb2_grpc
from cart.pricing.price_book import connect_price_book
from cart.service import Carts
from cart.servicer import CartServicer, encode
from cart.sessions import Live
from cart.settings import CartSettings
from cart.store.change_notifier import CartHub
from cart.store.gauges import gauge_for_ever
from cart.store.store import Store
from runtime.auth.bearer import BearerGuard
from runtime.chain import default_chain
from runtime.clock import now_micros
from runtime.database_settings import open_migrated
from runtime.health import Health
from runtime.main import run
from runtime.server import Server
from runtime.settings import load
from runtime.telemetry import telemetry
from runtime.upkeep import purge_for_ever

SERVICE = cart_pb2.DESCRIPTOR.services_by_name["CartService"]


async def serve(settings: CartSettings) -> None:
    """Serve until SIGTERM or SIGINT."""
    async with (
        telemetry(settings, "cart") as told,
        BearerGuard.of(settings) as guard,
        connect_price_book(settings, told.traces) as book,
    ):
        database = await open_migrated(settings, "cart.migrations")
        try:
            store, hub = Store(database), CartHub()
            health = Health({SERVICE.full_name: database.check})
            told.ready = lambda: health.serving
            chain = default_chain(settings, traces=told.traces, guard=guard)
            server = Server(settings, middleware=chain, health=health)
            carts = Carts(store, book, hub, encode)
            servicer = CartServicer(carts, Live(carts, hub))
            server.add(cart_pb2_grpc.add_CartServiceServicer_to_server, servicer, SERVICE)
            async with asyncio.TaskGroup() as group:
                jobs = [
                    group.create_task(book.follow()),
                    group.create_task(hub.follow(store.stamps, settings.watch_poll)),
                    group.create_task(gauge_for_ever(store.page)),
                    group.create_task(purge_for_ever(store, now_micros)),
                ]
                await server.serve_until_stopped()
                for job in jobs:
                    job.cancel()
        finally:
            await database.close()


def main() -> None:
    """Read the settings and serve."""
    settings = load(CartSettings)
    run(serve(settings), settings.program)


if __name__ == "__main__":
    main()
