"""The whole server of a test, with clients, users and a clock that the test puts on."""

import base64
import hashlib
import time
from collections.abc import AsyncIterator, Callable
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
from identity.tests.browsing import ISSUER, Browser, Page
from identity.tests.provider import client_of
from identity.tests.times import HandClock
from identity.users.passwords import cheap_passwords
from identity.users.users import NewUser, Users
from identity.web.parts import WebParts
from runtime.database import Database

CALLBACK = "https://web.example.com/callback"
BYE = "https://web.example.com/bye"
LOOPBACK = "http://127.0.0.1:4711/callback"
PASSWORD = "correct horse"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().strip("=")

_RESOURCES = Resources([Resource("urn:example:orders", "Orders", {"orders": "Read your orders"})])
_SCOPE = "openid profile email offline_access orders"
_WEB: dict[str, Any] = {
    "grant_types": ["authorization_code", "refresh_token"],
    "redirect_uris": [CALLBACK],
    "post_logout_redirect_uris": [BYE],
    "scope": _SCOPE,
}
_CLIENTS: list[dict[str, Any]] = [
    {"client_id": "web", "client_name": "The <Web> & Co", **_WEB},
    {"client_id": "other", **_WEB, "scope": "openid orders"},
    {"client_id": "own", **_WEB, "trusted": True},
    {
        "client_id": "app",
        "application_type": "native",
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token", DEVICE_CODE],
        "redirect_uris": ["http://127.0.0.1/callback"],
        "scope": _SCOPE,
    },
]


@dataclass
class Shop:
    """The server, and what a test needs of it."""

    parts: Parts
    pages: WebParts
    clock: HandClock
    alice: User
    bob: User
    http: httpx.AsyncClient

    def browser(self) -> Browser:
        """Return a browser that was never here."""
        return Browser(self.http)

    async def logged_in(self) -> Browser:
        """Return a browser in which Alice has logged in."""
        browser = self.browser()
        await browser.open("/login")
        page = await browser.log_in()
        assert page.title == "You are logged in"
        return browser

    async def redeem(self, page: Page, client: str = "web") -> dict[str, Any]:
        """Exchange the code that a browser brought back."""
        form = {
            "grant_type": "authorization_code",
            "code": page.query["code"],
            "redirect_uri": LOOPBACK if client == "app" else CALLBACK,
            "code_verifier": VERIFIER,
        }
        if client == "app":
            response = await self.http.post("/token", data={**form, "client_id": "app"})
        else:
            response = await self.http.post("/token", data=form, auth=(client, "s" * 43))
        assert response.status_code == 200, response.text
        return dict(response.json())


def request(client: str = "web", **parameters: str) -> dict[str, str]:
    """Return the parameters of an authorization request."""
    return {
        "client_id": client,
        "redirect_uri": LOOPBACK if client == "app" else CALLBACK,
        "response_type": "code",
        "scope": "openid orders",
        "state": "the-state",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **parameters,
    }


@asynccontextmanager
async def shop_on(
    database: Database,
    data: Path,
    clock: HandClock,
    monotonic: Callable[[], float] = time.monotonic,
    **settings: Any,
) -> AsyncIterator[Shop]:
    """Serve on a migrated, empty database."""
    parts = await _parts(database, data, clock, monotonic, settings)
    users = parts.users = Users(database, cheap_passwords(), clock=clock)
    alice = await users.create(NewUser(username="alice", name="Alice <A>"), PASSWORD)
    bob = await users.create(NewUser(username="bob"), PASSWORD)
    async with Outgoing() as outgoing:
        pages = WebParts(parts, outgoing)
        web = pages.make_web()
        routes = [*parts.protocol_routes(), *web.routes]
        app = make_app(routes, https=True, error_page=web.errors.page)
        server = HttpServer(app, Listener("127.0.0.1:0"), grace=timedelta(seconds=5))
        async with (
            server.running() as address,
            client_of(address) as http,
        ):
            yield Shop(parts, pages, clock, alice, bob, http)


async def _parts(
    database: Database,
    data: Path,
    clock: HandClock,
    monotonic: Callable[[], float],
    settings: dict[str, Any],
) -> Parts:
    read = IdentitySettings.model_validate(
        {"data": data, "database": "sqlite:///unused", "issuer": ISSUER, **settings}
    )
    cipher = KeyCipher([b"k" * 32])
    lifetime = timedelta(minutes=10)
    keys = await SigningKeys.open(database, cipher, read, token_lifetime=lifetime, clock=clock)
    clients = Clients(database, clock)
    for metadata in _CLIENTS:
        client = parse_client(metadata, _RESOURCES)
        await clients.put(client, source="admin")
        if client.has_secrets:
            await clients.add_secret(client.client_id, "s" * 43)
    foundations = Foundations(
        settings=read,
        issuer=ISSUER,
        database=database,
        cipher=cipher,
        keys=keys,
        clients=clients,
        resources=_RESOURCES,
        clock=clock,
        monotonic=monotonic,
    )
    return Parts(foundations)
