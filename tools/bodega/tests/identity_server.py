"""The real identity server, in the test's own process, over a database of its own."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from identity.app import make_app
from identity.clients.clients import Clients
from identity.clients.clients_file import apply_clients_file
from identity.http.serving import HttpServer, Listener
from identity.keys.key_cipher import open_cipher
from identity.keys.signing_keys import SigningKeys
from identity.logout.outgoing import Outgoing
from identity.model import User
from identity.parts import Foundations, Parts
from identity.settings import IdentitySettings
from identity.users.passwords import cheap_passwords
from identity.users.sessions import Sessions
from identity.users.users import NewUser, Users
from identity.web.parts import WebParts
from runtime.clock import Clock, now_micros
from runtime.database import Database, open_database
from runtime.migrate import upgrade
from tools.bodega.tests.browser import PASSWORD, USERNAME


@dataclass
class Identity:
    """An identity server with the shop's own clients, and one user."""

    url: str
    parts: Parts
    user: User
    secrets: Path
    sessions: Sessions

    async def allow(self, user_code: str) -> None:
        """Let the device do what it asks for, as the user would in a browser."""
        _, session = await self.sessions.start(self.user.user_id)
        assert await self.parts.devices.approve(user_code, session)

    def secret_file(self, client_id: str) -> Path:
        return self.secrets / f"{client_id}.secret"


@asynccontextmanager
async def opened(folder: Path, name: str) -> AsyncIterator[Database]:
    """Open a new database with the schema of a service."""
    url = f"sqlite:///{folder}/{name}.db"
    await upgrade(url, f"{name}.migrations")
    database = await open_database(url)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def identity(
    folder: Path, *, clock: Clock = now_micros, listen: str = "127.0.0.1:0", **flags: Any
) -> AsyncIterator[Identity]:
    settings = IdentitySettings.model_validate(
        {"data": folder, "database": "sqlite:///unused", **flags}
    )
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(opened(folder, "identity"))
        cipher = open_cipher(settings)
        clients = Clients(database, clock)
        resources = await apply_clients_file(settings, clients)
        lifetime = settings.access_token_lifetime
        keys = await SigningKeys.open(
            database, cipher, settings, token_lifetime=lifetime, clock=clock
        )
        listener = Listener(listen)
        issuer = f"http://{listener.address}"
        foundations = Foundations(
            settings=settings,
            issuer=issuer,
            database=database,
            cipher=cipher,
            keys=keys,
            clients=clients,
            resources=resources,
            clock=clock,
        )
        parts = Parts(foundations)
        parts.users = Users(database, cheap_passwords(), clock=clock)
        user = await parts.users.create(NewUser(username=USERNAME, name="Alice A."), PASSWORD)
        pages = WebParts(parts, await stack.enter_async_context(Outgoing()))
        web = pages.make_web()
        app = make_app(
            [*parts.protocol_routes(), *web.routes], https=False, error_page=web.errors.page
        )
        server = HttpServer(app, listener, grace=timedelta(seconds=5))
        await stack.enter_async_context(server.running())
        yield Identity(issuer, parts, user, folder / "clients", pages.sessions)
