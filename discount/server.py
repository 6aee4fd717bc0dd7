"""The discount server's main."""

from bodega.discount.v1 import discount_pb2, discount_pb2_grpc
from discount.codes_file import apply_codes_file
from discount.service import Discounts
from discount.servicer import DiscountServicer
from discount.settings import DiscountSettings
from discount.store import Store
from runtime.auth.bearer import BearerGuard
from runtime.chain import default_chain
from runtime.clock import now_micros
from runtime.database_settings import open_migrated
from runtime.health import Health
from runtime.main import run
from runtime.server import Server
from runtime.settings import load
from runtime.telemetry import telemetry

SERVICE = discount_pb2.DESCRIPTOR.services_by_name["DiscountService"]


async def serve(settings: DiscountSettings) -> None:
    """Serve until SIGTERM or SIGINT."""
    async with (
        telemetry(settings, "discount") as told,
        BearerGuard.of(settings) as guard,
    ):
        database = await open_migrated(settings, "discount.migrations")
        try:
            store = Store(database)
            if settings.codes is not None:
                await apply_codes_file(settings.codes, store, now_micros())
            health = Health({SERVICE.full_name: database.check})
            told.ready = lambda: health.serving
            chain = default_chain(settings, traces=told.traces, guard=guard)
            server = Server(settings, middleware=chain, health=health)
            server.add(
                discount_pb2_grpc.add_DiscountServiceServicer_to_server,
                DiscountServicer(Discounts(store)),
                SERVICE,
            )
            await server.serve_until_stopped()
        finally:
            await database.close()


def main() -> None:
    """Read the settings and serve."""
    settings = load(DiscountSettings)
    run(serve(settings), settings.program)


if __name__ == "__main__":
    main()
