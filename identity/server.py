"""The identity server's main."""

import asyncio

from identity.app import make_app
from identity.clients.clients import Clients
from identity.clients.clients_file import apply_clients_file
from identity.http.serving import HttpServer, Listener
from identity.keys.key_cipher import open_cipher
from identity.keys.signing_keys import SigningKeys
from identity.logout.outgoing import Outgoing
from identity.parts import Foundations, Parts
from identity.settings import IdentitySettings
from identity.upkeep import purge_for_ever, purges_of_expired
from identity.web.parts import WebParts
from runtime.database_settings import open_migrated
from runtime.health import Health
from runtime.main import run
from runtime.monitoring import Monitoring, monitoring
from runtime.settings import load


async def serve(settings: IdentitySettings) -> None:
    """Serve until SIGTERM or SIGINT."""
    async with monitoring(settings, Monitoring()) as told, Outgoing() as http:
        listener = Listener(settings.listen)
        database = await open_migrated(settings, "identity.migrations")
        try:
            cipher = open_cipher(settings)
            clients = Clients(database)
            resources = await apply_clients_file(settings, clients)
            lifetime = max(settings.access_token_lifetime, settings.id_token_lifetime)
            keys = await SigningKeys.open(database, cipher, settings, token_lifetime=lifetime)
            base = Foundations(
                settings=settings,
                issuer=settings.issuer or f"http://{listener.address}",
                database=database,
                cipher=cipher,
                keys=keys,
                clients=clients,
                resources=resources,
            )
            parts = Parts(base)
            pages = WebParts(parts, http)
            web = pages.make_web()
            app = make_app(
                [*parts.protocol_routes(), *web.routes],
                https=base.issuer.startswith("https:"),
                error_page=web.errors.page,
            )
            server = HttpServer(
                app,
                listener,
                grace=settings.grace,
                limits=settings.connection_limits,
                tls=settings.tls,
            )
            purges = [*purges_of_expired(database), *pages.purges()]
            health = Health({"identity": database.check})
            told.ready = lambda: health.serving
            async with asyncio.TaskGroup() as group:
                jobs = [
                    group.create_task(keys.follow_for_ever()),
                    group.create_task(health.run()),
                    group.create_task(pages.backchannel.run_for_ever()),
                    group.create_task(purge_for_ever(purges)),
                ]
                await server.serve_until_stopped(health.drain)
                for job in jobs:
                    job.cancel()
        finally:
            await database.close()


def main() -> None:
    """Read the settings and serve."""
    run(serve(load(IdentitySettings)))


if __name__ == "__main__":
    main()
