"""An identity server in the test's own process, behind a real socket, with clients and a user."""

import base64
import hashlib
import re
import secrets
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from jwt.algorithms import ECAlgorithm

from identity.app import make_app
from identity.clients.client import parse_client
from identity.clients.clients import Clients
from identity.clients.resources import Resource, Resources
from identity.http.serving import HttpServer, Listener
from identity.keys.key_cipher import KeyCipher
from identity.keys.signing_keys import SigningKeys
from identity.logout.outgoing import Outgoing
from identity.model import Session, User
from identity.parts import Foundations, Parts
from identity.settings import IdentitySettings
from identity.users.passwords import cheap_passwords
from identity.users.sessions import Sessions
from identity.users.users import NewUser, Users
from identity.web.parts import WebParts
from runtime.clock import SECOND, Clock, now_micros
from runtime.database import Database
from runtime.testing.waiting import PATIENCE_SECONDS

ISSUER = "https://id.example.com"
ORDERS, STOCK = "urn:example:orders", "urn:example:stock"
CALLBACK = "https://web.example.com/callback"
SECRET = "x" * 43
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

_PARAMETER = r'(\w+)="([^"]*)"'
_CHALLENGE = rf"(\w+) ((?:{_PARAMETER.replace('(', '(?:')}(?:, )?)+)"

RESOURCES = Resources(
    [
        Resource(ORDERS, "Orders", {"orders.read": "Read orders", "orders.write": "Write orders"}),
        Resource(STOCK, "Stock", {"stock.read": "Read the stock"}),
    ]
)

SIGNER_KEY = generate_private_key(SECP256R1())
_USER_SCOPES = "openid profile email offline_access orders.read orders.write stock.read"
_CODE: dict[str, Any] = {
    "grant_types": ["authorization_code", "refresh_token"],
    "redirect_uris": [CALLBACK],
    "scope": _USER_SCOPES,
}

CLIENTS: list[dict[str, Any]] = [
    {
        "client_id": "service",
        "grant_types": ["client_credentials"],
        "scope": "orders.read orders.write stock.read",
    },
    {
        "client_id": "poster",
        "grant_types": ["client_credentials"],
        "scope": "orders.read",
        "token_endpoint_auth_method": "client_secret_post",
    },
    {
        "client_id": "signer",
        "grant_types": ["client_credentials"],
        "scope": "orders.read",
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {
            "keys": [
                {
                    **ECAlgorithm.to_jwk(SIGNER_KEY.public_key(), as_dict=True),
                    "kid": "signer-1",
                    "alg": "ES256",
                }
            ]
        },
    },
    {"client_id": "web", **_CODE, "post_logout_redirect_uris": ["https://web.example.com/bye"]},
    {"client_id": "other", **_CODE},
    {"client_id": "pusher", **_CODE, "require_pushed_authorization_requests": True},
    {
        "client_id": "app",
        "application_type": "native",
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token", DEVICE_CODE],
        "redirect_uris": ["http://127.0.0.1/callback"],
        "scope": _USER_SCOPES,
    },
    {
        "client_id": "bound",
        "grant_types": ["client_credentials"],
        "scope": "orders.read",
        "dpop_bound_access_tokens": True,
    },
    {
        "client_id": "api",
        "grant_types": ["client_credentials"],
        "scope": "stock.read",
        "may_introspect": True,
    },
]


@dataclass
class Proof:
    """A key for DPoP, and the proofs that it makes."""

    key: Any

    @classmethod
    def new(cls) -> Proof:
        return cls(generate_private_key(SECP256R1()))

    @property
    def jwk(self) -> dict[str, Any]:
        return dict(ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True))

    @property
    def jkt(self) -> str:
        members = {name: self.jwk[name] for name in ("crv", "kty", "x", "y")}
        text = "{" + ",".join(f'"{name}":"{value}"' for name, value in members.items()) + "}"
        return b64(hashlib.sha256(text.encode()).digest())

    def sign(
        self,
        path: str = "/token",
        method: str = "POST",
        *,
        access_token: str | None = None,
        headers: Mapping[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """Return a proof; `claims` and `headers` replace what is right, None leaves it out."""
        payload = {
            "jti": str(uuid.uuid4()),
            "htm": method,
            "htu": ISSUER + path,
            "iat": int(time.time()),
            **claims,
        }
        if access_token is not None:
            payload.setdefault("ath", b64(hashlib.sha256(access_token.encode()).digest()))
        payload = {name: value for name, value in payload.items() if value is not None}
        header = {"typ": "dpop+jwt", "jwk": self.jwk, **(headers or {})}
        return jwt.encode(payload, self.key, algorithm="ES256", headers=header)


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def challenge(verifier: str) -> str:
    return b64(hashlib.sha256(verifier.encode()).digest())


def assertion(**claims: Any) -> str:
    """Return a client assertion of `signer`; `claims` replace what is right."""
    now = int(time.time())
    payload = {
        "iss": "signer",
        "sub": "signer",
        "aud": ISSUER,
        "iat": now,
        "exp": now + 60,
        "jti": str(uuid.uuid4()),
        **claims,
    }
    payload = {name: value for name, value in payload.items() if value is not None}
    return jwt.encode(payload, SIGNER_KEY, algorithm="ES256", headers={"kid": "signer-1"})


@dataclass
class Provider:
    """The server, a client of its HTTP, and its user's decisions without a browser."""

    parts: Parts
    http: httpx.AsyncClient
    user: User
    session: Session
    address: str

    async def token(
        self, client: str | None = "web", headers: Any = None, **form: str
    ) -> httpx.Response:
        """Ask for a token; by client_secret_basic, or for None without any authentication."""
        return await self.post("/token", client, headers, **form)

    async def post(
        self,
        path: str,
        client: str | None = "web",
        headers: Any = None,
        **form: str,
    ) -> httpx.Response:
        auth = httpx.Auth() if client is None else httpx.BasicAuth(client, SECRET)
        return await self.http.post(path, data=form, auth=auth, headers=headers or {})

    async def credentials_token(self, client: str = "service", **form: str) -> str:
        response = await self.token(client, grant_type="client_credentials", **form)
        assert response.status_code == 200, response.text
        return str(response.json()["access_token"])

    async def code(self, client: str = "web", verifier: str = "v" * 43, **parameters: str) -> str:
        """Let the user approve; return the code that the browser brings back."""
        location = await self.approved(request_for(client, verifier, **parameters))
        return parse_qs(urlsplit(location).query)["code"][0]

    async def approved(self, parameters: list[tuple[str, str]]) -> str:
        asked = await self.parts.authorization.examine(parameters)
        return await self.parts.authorization.approve(asked, self.session, asked.scopes)

    async def log_out(self) -> None:
        """End the session of the user."""
        await _sessions(self.parts.base.database).end(self.session.sid)

    async def redeem(
        self,
        code: str,
        client: str = "web",
        headers: Any = None,
        **form: str,
    ) -> httpx.Response:
        public = client == "app"
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": "v" * 43,
            "redirect_uri": redirect_uri(client),
            **({"client_id": client} if public else {}),
            **form,
        }
        return await self.token(None if public else client, headers, **form)

    async def refresh(
        self,
        token: str,
        client: str = "web",
        headers: Any = None,
        **form: str,
    ) -> httpx.Response:
        public = client == "app"
        form = {
            "grant_type": "refresh_token",
            "refresh_token": token,
            **({"client_id": client} if public else {}),
            **form,
        }
        return await self.token(None if public else client, headers, **form)

    async def tokens(self, client_id: str = "web", **parameters: str) -> dict[str, Any]:
        """Return what a whole code flow gives."""
        response = await self.redeem(await self.code(client_id, **parameters), client_id)
        assert response.status_code == 200, response.text
        return dict(response.json())

    async def introspect(self, token: str, client_id: str = "api") -> dict[str, Any]:
        response = await self.post("/introspect", client_id, token=token)
        assert response.status_code == 200, response.text
        return dict(response.json())


def client_of(address: str) -> httpx.AsyncClient:
    """Return an HTTP client for a server, of as many requests at once as a test makes."""
    limits = httpx.Limits(max_connections=64)
    return httpx.AsyncClient(base_url=f"http://{address}", limits=limits, timeout=PATIENCE_SECONDS)


def redirect_uri(client_id: str) -> str:
    return "http://127.0.0.1:4711/callback" if client_id == "app" else CALLBACK


def request_for(
    client_id: str = "web", verifier: str = "v" * 43, **parameters: str | None
) -> list[tuple[str, str]]:
    """Return an authorization request; `parameters` replace what is right, None leaves it out."""
    wanted = {
        "client_id": client_id,
        "redirect_uri": redirect_uri(client_id),
        "response_type": "code",
        "scope": "openid orders.read",
        "state": secrets.token_urlsafe(8),
        "code_challenge": challenge(verifier),
        "code_challenge_method": "S256",
        **parameters,
    }
    return [(name, value) for name, value in wanted.items() if value is not None]


def query_of(location: str) -> dict[str, str]:
    """Return the parameters that a redirection brings."""
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def settings_for(data: Path, **settings: Any) -> IdentitySettings:
    return IdentitySettings.model_validate(
        {"data": data, "database": "sqlite:///unused", "issuer": ISSUER, **settings}
    )


async def register(clients: Clients) -> None:
    for metadata in CLIENTS:
        client = parse_client(metadata, RESOURCES)
        await clients.put(client, source="admin")
        if client.has_secrets:
            await clients.add_secret(client.client_id, SECRET)


async def make_parts(
    database: Database,
    data: Path,
    clock: Clock = now_micros,
    monotonic: Callable[[], float] = time.monotonic,
    **settings: Any,
) -> Parts:
    read = settings_for(data, **settings)
    cipher = KeyCipher([b"k" * 32])
    keys = await SigningKeys.open(
        database, cipher, read, token_lifetime=timedelta(minutes=10), clock=clock
    )
    return Parts(
        Foundations(
            settings=read,
            issuer=read.issuer or ISSUER,
            database=database,
            cipher=cipher,
            keys=keys,
            clients=Clients(database),
            resources=RESOURCES,
            clock=clock,
            monotonic=monotonic,
        )
    )


@asynccontextmanager
async def serving(parts: Parts, user: User, session: Session) -> AsyncIterator[Provider]:
    async with AsyncExitStack() as stack:
        web = WebParts(parts, await stack.enter_async_context(Outgoing())).make_web()
        routes = [*parts.protocol_routes(), *web.routes]
        app = make_app(routes, https=True, error_page=web.errors.page)
        server = HttpServer(app, Listener("127.0.0.1:0"), grace=timedelta(seconds=5))
        address = await stack.enter_async_context(server.running())
        async with client_of(address) as http:
            yield Provider(parts, http, user, session, address)


async def new_user(database: Database, name: str = "alice") -> tuple[User, Session]:
    """Make a user who logged in a minute ago."""
    new = NewUser(username=name, name="Alice A.", email="alice@example.com", email_verified=True)
    user = await Users(database, cheap_passwords()).create(new, "correct horse battery")
    _, session = await _sessions(database, lambda: now_micros() - 60 * SECOND).start(user.user_id)
    return user, session


def _sessions(database: Database, clock: Clock = now_micros) -> Sessions:
    hour = timedelta(hours=1)
    return Sessions(database, lifetime=hour, idle=hour, clock=clock)


@asynccontextmanager
async def provider_on(
    database: Database,
    data: Path,
    clock: Clock = now_micros,
    monotonic: Callable[[], float] = time.monotonic,
    **settings: Any,
) -> AsyncIterator[Provider]:
    """Serve on a migrated, empty database."""
    parts = await make_parts(database, data, clock, monotonic, **settings)
    await register(parts.base.clients)
    user, session = await new_user(database)
    async with serving(parts, user, session) as provider:
        yield provider


def encoded(parameters: list[tuple[str, str]]) -> str:
    return urlencode(parameters)


def challenges(response: httpx.Response) -> dict[str, dict[str, str]]:
    """Return the parameters of each challenge, by its scheme (RFC 9110 §11.6.1)."""
    found = re.findall(_CHALLENGE, response.headers["www-authenticate"])
    assert len(found) == len(dict(found)), "a scheme is there twice"
    return {scheme: dict(re.findall(_PARAMETER, params)) for scheme, params in found}
