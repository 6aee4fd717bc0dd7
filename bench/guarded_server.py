"""The product server, but that GetProduct wants a token as the writes do, unless told otherwise."""

from typing import Annotated

from pydantic import Field

from bodega.product.v1 import product_pb2_grpc
from product.changes import ChangeHub
from product.server import SERVICE
from product.service import Catalogue
from product.servicer import ProductServicer, encode
from product.settings import ProductSettings
from product.store import Store
from runtime.auth.bearer import BearerGuard
from runtime.chain import default_chain
from runtime.database_settings import open_migrated
from runtime.health import Health
from runtime.main import run
from runtime.method import Method
from runtime.middleware import StreamHandler, UnaryHandler
from runtime.policy import Guard, guard_unary
from runtime.server import Server
from runtime.settings import load
from runtime.telemetry import telemetry

SCOPES = frozenset({"catalog.write"})


class GuardedSettings(ProductSettings):
    """The product server, with a guard before GetProduct."""

    guarded: Annotated[bool, Field(description="guard GetProduct")] = True


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
        if settings.guarded:
            chain = (*chain, GuardedReads(guard))
        health = Health({SERVICE.full_name: database.check})
        server = Server(settings, middleware=chain, health=health)
        server.add(
            product_pb2_grpc.add_ProductServiceServicer_to_server,
            ProductServicer(Catalogue(Store(database, encode), ChangeHub())),
            SERVICE,
        )
        try:
            await server.serve_until_stopped()
        finally:
            await database.close()


if __name__ == "__main__":
    run(serve(load(GuardedSettings)), "guarded-server")
