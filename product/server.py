"""The product server's main."""

import asyncio

from bodega.product.v1 import product_pb2, product_pb2_grpc
from product.changes import ChangeHub
from product.metrics import gauge_for_ever
from product.service import Catalogue, now_micros
from product.servicer import ProductServicer, encode
from product.settings import ProductSettings
from product.store import Store
from product.upkeep import purge_for_ever
from runtime.chain import default_chain
from runtime.database import Database, open_database
from runtime.errors import Unavailable
from runtime.health import Health
from runtime.main import StartError, run
from runtime.migrate import SchemaError, prepare
from runtime.server import Server
from runtime.settings import load
from runtime.telemetry import telemetry

SERVICE = product_pb2.DESCRIPTOR.services_by_name["ProductService"]


async def serve(settings: ProductSettings) -> None:
    """Serve until SIGTERM or SIGINT."""
    async with telemetry(settings, "product") as told:
        database = await open_catalogue(settings)
        try:
            store, hub = Store(database, encode), ChangeHub()
            health = Health({SERVICE.full_name: database.check})
            told.ready = lambda: health.serving
            chain = default_chain(settings, traces=told.traces)
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


async def open_catalogue(settings: ProductSettings) -> Database:
    """Open the database with the schema that this program needs."""
    try:
        await prepare(settings.database, "product.migrations", migrate=settings.migrate)
        return await open_database(settings.database)
    except (SchemaError, Unavailable) as error:
        raise StartError(f"--database: {error}") from error


def main() -> None:
    """Read the settings and serve."""
    run(serve(load(ProductSettings)))


if __name__ == "__main__":
    main()
