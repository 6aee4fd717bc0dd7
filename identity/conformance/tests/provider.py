"""An identity server with all its pages, in the test's own process, behind a real socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from identity.app import make_app
from identity.clients.client import parse_client
from identity.clients.clients import Clients
from identity.clients.resources import Resource, Resources
from identity.http.serving import HttpServer, Listener
from identity.keys.key_cipher import KeyCipher
from identity.keys.signing_keys import SigningKeys
from identity.logout.outgoing import Outgoing
from identity.model import User
from identity.parts import Foundations, Parts
from identity.settings import IdentitySettings
from identity.users.passwords import cheap_passwords
from identity.users.users import NewUser, Users
from identity.web.parts import WebParts
from runtime.clock import Clock, now_micros
from runtime.database import Database
from runtime.testing.waiting import PATIENCE_SECONDS

CALLBACK = "https://rp.example/callback"
BYE = "https://rp.example/bye"
SECRET = "s" * 43
USERNAME, PASSWORD = "alice", "correct horse battery"
ORDERS, STOCK = "urn:example:orders", "urn:example:stock"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"

RESOURCES = Resources(
    [
        Resource(ORDERS, "Orders", {"orders.read": "Read orders", "orders.write": "Write orders"}),
        Resource(STOCK, "Stock", {"stock.read": "Read the stock"}),
    ]
)

WEB: dict[str, Any] = {
    "grant_types": ["authorization_code", "refresh_token"],
    "redirect_uris": [CALLBACK],
    "post_logout_redirect_uris": [BYE],
    "scope": "openid profile email offline_access orders.read orders.write stock.read",
}

CLIENTS: list[dict[str, Any]] = [
    {"client_id": "rp", "client_name": "The relying party", **WEB},
    {"client_id": "rp2", **WEB},
    {"client_id": "poster", "token_endpoint_auth_method": "client_secret_post", **WEB},
    {
        "client_id": "app",
        "application_type": "native",
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token", DEVICE_CODE],
        "redirect_uris": ["http://127.0.0.1/callback"],
        "scope": "openid profile offline_access orders.read",
    },
    {
        "client_id": "service",
        "grant_types": ["client_credentials"],
        "scope": "orders.read stock.read",
    },
    {
        "client_id": "api",
        "grant_types": ["client_credentials"],
        "scope": "stock.read",
        "may_introspect": True,
    },
]


@dataclass(frozen=True)
class Provider:
    """The server. `address` is where it listens, whatever its issuer."""

    parts: Parts
    web: WebParts
    issuer: str
    address: str
    user: User
    http: httpx.AsyncClient


@asynccontextmanager
async def provider_on(
    database: Database, data: Path, clock: Clock = now_micros, **settings: Any
) -> AsyncIterator[Provider]:
    """Serve on a migrated, empty database; the issuer is the address, unless settings name one."""
    listener = Listener("127.0.0.1:0")
    issuer = settings.setdefault("issuer", f"http://{listener.address}")
    read = IdentitySettings.model_validate(
        {"data": data, "database": "sqlite:///unused", "client_rate": 100_000, **settings}
    )
    clients = Clients(database, clock)
    await _register(clients)
    user = await Users(database, cheap_passwords(), clock=clock).create(
        NewUser(username=USERNAME, name="Alice A.", email="alice@example.com", email_verified=True),
        PASSWORD,
    )
    base = await _foundations(database, clients, read, issuer, clock)
    async with Outgoing() as outgoing:
        parts = Parts(base)
        web = WebParts(parts, outgoing)
        pages = web.make_web()
        app = make_app(
            [*parts.protocol_routes(), *pages.routes],
            https=issuer.startswith("https:"),
            error_page=pages.errors.page,
        )
        server = HttpServer(app, listener, grace=timedelta(seconds=5))
        async with (
            server.running() as address,
            httpx.AsyncClient(base_url=f"http://{address}", timeout=PATIENCE_SECONDS) as http,
        ):
            yield Provider(parts, web, issuer, address, user, http)


async def register(clients: Clients, metadata: dict[str, Any]) -> None:
    """Register a client, with the one secret that all of them have here."""
    client = parse_client(metadata, RESOURCES)
    await clients.put(client, source="admin")
    if client.has_secrets:
        await clients.add_secret(client.client_id, SECRET)


async def _register(clients: Clients) -> None:
    for metadata in CLIENTS:
        await register(clients, metadata)


async def _foundations(
    database: Database, clients: Clients, settings: IdentitySettings, issuer: str, clock: Clock
) -> Foundations:
    cipher = KeyCipher([b"k" * 32])
    keys = await SigningKeys.open(
        database, cipher, settings, token_lifetime=timedelta(minutes=10), clock=clock
    )
    return Foundations(
        settings=settings,
        issuer=issuer,
        database=database,
        cipher=cipher,
        keys=keys,
        clients=clients,
        resources=RESOURCES,
        clock=clock,
    )
