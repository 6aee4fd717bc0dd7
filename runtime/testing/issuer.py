"""A small real issuer on loopback: discovery, keys, and tokens for clients.

It signs with real ES256 keys, and a test may rotate them, slow the issuer down, stop it and
start it on the same port, and see what it was asked.
"""

import json
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from socketserver import TCPServer
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any, Self, override
from urllib.parse import parse_qs, unquote_plus
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

# The audience of tokens in tests that have no service of their own.
AUDIENCE = "urn:bodega:test"

DISCOVERY = "/.well-known/openid-configuration"
KEYS = "/jwks"
TOKENS = "/token"
POLL_SECONDS = 0.02
GRANT = "client_credentials"

type Private = ec.EllipticCurvePrivateKey
type Reply = tuple[HTTPStatus, dict[str, object]]


class SigningKey:
    """A private key with its kid."""

    def __init__(self, kid: str) -> None:
        self.kid = kid
        self.private: Private = ec.generate_private_key(ec.SECP256R1())

    @property
    def jwk(self) -> dict[str, object]:
        """The public half, as it is published."""
        made = jwt.algorithms.ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {**made, "kid": self.kid, "alg": "ES256", "use": "sig"}

    def sign(self, claims: Mapping[str, object], **header: object) -> str:
        """Return a token with the claims; `header` adds to its header, or replaces."""
        payload = json.dumps(claims).encode()
        headers = {"kid": self.kid, "typ": "at+jwt", **header}
        return jwt.PyJWS().encode(payload, self.private, "ES256", headers)


class LoopbackIssuer:
    """Serves from a thread of its own while its block runs. Its knobs are plain attributes.

    `clients` has the secrets by client id; `overrides` are put into the discovery document,
    `grant_overrides` into the answers with a token;
    `extra_keys` are published before our own; `max_age` is what the keys are sent with, in seconds;
    `published` are the keys that are served, `signing` is the one that signs.
    """

    def __init__(self, clients: Mapping[str, str] | None = None) -> None:
        self.clients = dict(clients or {})
        self.max_age: int | None = 300
        self.lifetime = 300
        self.overrides: dict[str, object] = {}
        self.grant_overrides: dict[str, object] = {}
        self.requests: Counter[str] = Counter()
        self.open = Event()
        self.open.set()
        self._numbers = count(1)
        self._lock = Lock()
        self.signing = SigningKey(f"key-{next(self._numbers)}")
        self.published = [self.signing]
        self.extra_keys: list[dict[str, object]] = []
        self._port = 0
        self._server: ThreadingHTTPServer | None = None
        self._thread: Thread | None = None

    @property
    def url(self) -> str:
        """The issuer's identifier."""
        return f"http://127.0.0.1:{self._port}"

    def rotate(self, *, keep: bool = True) -> SigningKey:
        """Sign with a new key from now on; without `keep` the others are published no more."""
        new = SigningKey(f"key-{next(self._numbers)}")
        self.published = [new, *self.published] if keep else [new]
        self.signing = new
        return new

    def claims(
        self, audience: str, *scopes: str, subject: str = "tester", **claims: object
    ) -> dict[str, object]:
        """Return the claims of an access token (RFC 9068) as it is issued now."""
        now = int(time.time())
        return {
            "iss": self.url,
            "aud": audience,
            "sub": subject,
            "client_id": "tester",
            "iat": now,
            "exp": now + self.lifetime,
            "jti": str(uuid4()),
            "scope": " ".join(scopes),
            **claims,
        }

    def token(self, audience: str, *scopes: str, **claims: Any) -> str:
        """Issue an access token."""
        return self.signing.sign(self.claims(audience, *scopes, **claims))

    def write_secret(self, folder: Path, client_id: str) -> Path:
        """Write the client's secret into a file, as its client wants it."""
        file = folder / f"{client_id}.secret"
        file.touch(0o600)
        file.write_text(f"{self.clients[client_id]}\n")
        return file

    def start(self) -> None:
        """Serve; after a stop again on the same port."""
        issuer = self

        class Handler(_Handler):
            served = issuer

        self._server = _Listener(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_address[1]
        self._thread = Thread(
            target=self._server.serve_forever, args=(POLL_SECONDS,), name="issuer", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Be away: connections are refused."""
        if self._server is None or self._thread is None:
            return
        self.open.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self.stop()

    def reply(self, method: str, path: str, authorization: str, body: bytes) -> Reply:
        """Answer a request, as soon as `open` is set: clear it to be slow."""
        with self._lock:
            self.requests[path] += 1
        self.open.wait()
        match method, path:
            case "GET", "/.well-known/openid-configuration":
                return HTTPStatus.OK, self._metadata()
            case "GET", "/jwks":
                return HTTPStatus.OK, {"keys": self._keys()}
            case "POST", "/token":
                return self._grant(authorization, parse_qs(body.decode()))
        return HTTPStatus.NOT_FOUND, {"error": "not_found"}

    def _keys(self) -> list[dict[str, object]]:
        return [*self.extra_keys, *(key.jwk for key in self.published)]

    def _metadata(self) -> dict[str, object]:
        return {
            "issuer": self.url,
            "jwks_uri": f"{self.url}{KEYS}",
            "token_endpoint": f"{self.url}{TOKENS}",
            **self.overrides,
        }

    def _grant(self, authorization: str, form: dict[str, list[str]]) -> Reply:
        client_id, secret = _basic(authorization)
        if self.clients.get(client_id) != secret:
            return HTTPStatus.UNAUTHORIZED, {"error": "invalid_client"}
        if form.get("grant_type") != [GRANT] or len(form.get("resource", [])) != 1:
            return HTTPStatus.BAD_REQUEST, {"error": "invalid_request"}
        scopes = form.get("scope", [""])[0].split()
        token = self.token(form["resource"][0], *scopes, subject=client_id, client_id=client_id)
        return HTTPStatus.OK, {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": self.lifetime,
            "scope": " ".join(scopes),
            **self.grant_overrides,
        }


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    client_id, _, secret = b64decode(encoded).decode().partition(":")
    return (unquote_plus(client_id), unquote_plus(secret)) if scheme == "Basic" else ("", "")


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    @override
    def server_bind(self) -> None:
        """Bind without asking a name server who we are, which http.server does."""
        TCPServer.server_bind(self)

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that left before its answer."""


class _Handler(BaseHTTPRequestHandler):
    served: LoopbackIssuer

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, body: bytes) -> None:
        authorization = self.headers.get("Authorization", "")
        status, answer = self.served.reply(self.command, self.path, authorization, body)
        encoded = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        if self.path == KEYS and self.served.max_age is not None:
            self.send_header("Cache-Control", f"public, max-age={self.served.max_age}")
        self.end_headers()
        self.wfile.write(encoded)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""
