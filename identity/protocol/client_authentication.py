"""How clients prove themselves: one method a request, and that the registered one.

`client_secret_basic` (RFC 6749 §2.3.1), `client_secret_post`, `private_key_jwt` (RFC 7523) and
`none`. Each function has the shape that Authlib's registry wants.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from urllib.parse import unquote_plus

from identity.clients.clients import Clients
from identity.grants.used_jtis import UsedJtis
from identity.protocol import jwts
from identity.protocol.client import OAuthClient
from identity.protocol.errors import ClientAuthenticationError, InvalidRequestError
from identity.protocol.request import Request
from identity.protocol.sync import wait
from runtime.clock import SECOND, Clock, now_micros

METHODS = ("client_secret_basic", "client_secret_post", "private_key_jwt", "none")

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

# An assertion is made for one request, so a jti is kept for no longer.
_LONGEST_ASSERTION_SECONDS = 600

type QueryClient = Callable[[str], OAuthClient | None]


def presented_method(request: Request) -> str:
    """Return the method that a request uses; InvalidRequestError where it uses several."""
    form = request.form
    methods = []
    if "authorization" in request.headers:
        methods.append("client_secret_basic")
    if "client_secret" in form:
        methods.append("client_secret_post")
    if "client_assertion" in form or "client_assertion_type" in form:
        methods.append("private_key_jwt")
    if len(methods) > 1:
        raise InvalidRequestError("Only one method of client authentication may be used.")
    return methods[0] if methods else "none"


class ClientAuthenticators:
    """The four methods, over the clients and the replay store."""

    def __init__(
        self,
        clients: Clients,
        jtis: UsedJtis,
        audiences: Sequence[str],
        clock: Clock = now_micros,
    ) -> None:
        self._clients = clients
        self._jtis = jtis
        # Whom an assertion may be addressed to: the issuer, or the token endpoint (RFC 7523 §3).
        self._audiences = audiences
        self._clock = clock

    def all(self) -> dict[str, Callable[[QueryClient, Request], OAuthClient | None]]:
        """Return each method with its function."""
        functions = (self._basic, self._post, self._private_key_jwt, self._none)
        return dict(zip(METHODS, functions, strict=True))

    def _basic(self, query_client: QueryClient, request: Request) -> OAuthClient | None:
        client_id, secret = _basic_credentials(request.headers["authorization"])
        _same_client(request, client_id)
        return self._with_secret(query_client(client_id), secret)

    def _post(self, query_client: QueryClient, request: Request) -> OAuthClient | None:
        client = query_client(request.form.get("client_id", ""))
        return self._with_secret(client, request.form["client_secret"])

    def _none(self, query_client: QueryClient, request: Request) -> OAuthClient | None:
        return query_client(request.form.get("client_id", ""))

    def _with_secret(self, client: OAuthClient | None, secret: str) -> OAuthClient | None:
        if client is None:
            return None
        known = self._clients.has_secret(client.registered.client_id, secret)
        return client if wait(known) else None

    def _private_key_jwt(self, query_client: QueryClient, request: Request) -> OAuthClient | None:
        assertion = request.form.get("client_assertion", "")
        client_id = jwts.subject_of(assertion)
        if request.form.get("client_assertion_type") != _ASSERTION_TYPE or client_id is None:
            return None
        _same_client(request, client_id)
        client = query_client(client_id)
        # The endpoint itself may be meant too (RFC 9126 §2).
        audiences = [*self._audiences, request.uri]
        if client is None or not self._is_signed(client, assertion, audiences):
            return None
        return client

    def _is_signed(self, client: OAuthClient, assertion: str, audiences: Sequence[str]) -> bool:
        """Whether one of the client's keys signed the assertion, and nobody has used it yet."""
        client_id, now = client.registered.client_id, self._clock()
        header = jwts.header_of(assertion) or {}
        for jwk in (client.registered.jwks or {"keys": []})["keys"]:
            if header.get("kid") is not None and jwk.get("kid") not in {None, header["kid"]}:
                continue
            claims = jwts.verified(
                assertion,
                jwk,
                required=("iss", "sub", "aud", "exp", "jti"),
                audience=audiences,
                issuer=client_id,
            )
            if claims is None or claims["sub"] != client_id or not isinstance(claims["jti"], str):
                continue
            expire_time = (int(claims["exp"]) + jwts.LEEWAY_SECONDS) * SECOND
            if expire_time > now + _LONGEST_ASSERTION_SECONDS * SECOND:
                return False
            return wait(self._jtis.use(f"client:{client_id}", claims["jti"], expire_time))
        return False


def _basic_credentials(authorization: str) -> tuple[str, str]:
    """Return the id and the secret, each of which was form-encoded before (RFC 6749 §2.3.1)."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise ClientAuthenticationError
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise ClientAuthenticationError from error
    client_id, colon, secret = decoded.partition(":")
    if not colon:
        raise ClientAuthenticationError
    return unquote_plus(client_id), unquote_plus(secret)


def _same_client(request: Request, client_id: str) -> None:
    if request.form.get("client_id", client_id) != client_id:
        raise InvalidRequestError("The client_id is not that of the client's credentials.")
