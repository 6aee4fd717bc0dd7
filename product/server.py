"""The product server's main."""

import asyncio

from bodega.product.v1 import product_pb2, product_pb2_grpc
from product.metrics import gauge_for_ever
from product.service import Catalogue
from product.servicer import ProductServicer, encode
from product.settings import ProductSettings
from product.store.change_notifier import ChangeHub
from product.store.store import Store
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

SERVICE = product_pb2.DESCRIPTOR.services_by_name["ProductService"]


async def serve(settings: ProductSettings) -> None:
    """Serve until SIGTERM or SIGINT."""
    async with (
        telemetry(settings, "product") as told,
        BearerGuard.of(settings) as guard,
    ):
        database = await open_migrated(settings, "product.migrations")
        try:
            store, hub = Store(database, encode), ChangeHub()
            health = Health({SERVICE.full_name: database.check})
            told.ready = lambda: health.serving
            chain = default_chain(settings, traces=told.traces, guard=guard)
            server = Server(settings, middleware=chain, health=health)
            server.add(
                product_pb2_grpc.add_ProductServiceServicer_to_server,
                ProductServicer(Catalogue(store, hub)),
                SERVICE,
            )
            async with asyncio.TaskGroup() as group:
                jobs = [
                    group.create_task(hub.follow(store.revision, settings.watch_poll)),
                    group.create_task(gauge_for_ever(store.extent)),
                    group.create_task(purge_for_ever(store, now_micros)),
                ]
                await server.serve_until_stopped()
                for job in jobs:
                    job.cancel()
        finally:
            await database.close()


def main() -> None:
    """Read the settings and serve."""
    settings = load(ProductSettings)
    run(serve(settings), settings.program)


if __name__ == "__main__":
    main()
