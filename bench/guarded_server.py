"""The product server, but that GetProduct wants a token as the writes do; and once more without.

Both are listeners of one process over one catalogue, so that nothing but the guard is between them:
two processes of the same program differ by more than it costs.
"""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from bodega.product.v1 import product_pb2_grpc
from product.server import SERVICE
from product.service import Catalogue
from product.servicer import ProductServicer, encode
from product.settings import ProductSettings
from product.store.change_notifier import ChangeHub
from product.store.store import Store
from runtime.auth.bearer import BearerGuard
from runtime.chain import default_chain
from runtime.database import Database
from runtime.database_settings import open_migrated
from runtime.health import Health
from runtime.main import run
from runtime.method import Method
from runtime.middleware import Middleware, StreamHandler, UnaryHandler
from runtime.policy import Guard, guard_unary
from runtime.server import Server
from runtime.settings import Address, load
from runtime.telemetry import telemetry

SCOPES = frozenset({"catalog.write"})


class GuardedSettings(ProductSettings):
    """The product server, with a guard before GetProduct."""

    open_listen: Annotated[Address, Field(description="address without that guard")]


class GuardedReads:
    """Does to GetProduct what `runtime.policy` does where the proto names scopes."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def unary(self, method: Method, handler: UnaryHandler) -> UnaryHandler:
        """Guard the method."""
        guarded = method.name == "GetProduct"
        return guard_unary(self._guard, SCOPES, handler) if guarded else handler

    def stream(self, _method: Method, handler: StreamHandler) -> StreamHandler:
        """Leave the others as they are."""
        return handler


async def serve(settings: GuardedSettings) -> None:
    """Serve until SIGTERM or SIGINT."""
    async with telemetry(settings, "product") as told, BearerGuard.of(settings) as guard:
        database = await open_migrated(settings, "product.migrations")
        chain = default_chain(settings, traces=told.traces, guard=guard)
        guarded = _server(settings, database, (*chain, GuardedReads(guard)))
        elsewhere = settings.model_copy(update={"listen": settings.open_listen})
        try:
            async with _server(elsewhere, database, chain).running():
                await guarded.serve_until_stopped()
        finally:
            await database.close()


def _server(settings: GuardedSettings, database: Database, chain: Sequence[Middleware]) -> Server:
    health = Health({SERVICE.full_name: database.check})
    server = Server(settings, middleware=chain, health=health)
    servicer = ProductServicer(Catalogue(Store(database, encode), ChangeHub()))
    server.add(product_pb2_grpc.add_ProductServiceServicer_to_server, servicer, SERVICE)
    return server


if __name__ == "__main__":
    run(serve(load(GuardedSettings)), "guarded-server")
