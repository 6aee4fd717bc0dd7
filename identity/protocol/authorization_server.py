"""Authlib's AuthorizationServer, bound to our clients, our HTTP and our errors."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, override

from authlib.oauth2 import AuthorizationServer as AuthlibServer
from authlib.oauth2.rfc9207 import IssuerParameter

from identity.abuse.rate_limit import RateLimits
from identity.audit import Outcome, audit
from identity.clients.clients import Clients
from identity.grants.codes import Codes
from identity.grants.devices import Devices
from identity.grants.refresh_tokens import RefreshTokens
from identity.protocol.client import OAuthClient
from identity.protocol.client_authentication import ClientAuthenticators, presented_method
from identity.protocol.dpop import DpopProofs
from identity.protocol.errors import (
    ClientAuthenticationError,
    InvalidClientError,
    TooManyRequestsError,
)
from identity.protocol.issuing import Issuer
from identity.protocol.request import Answer, Request
from identity.protocol.scopes import Scopes
from identity.protocol.sync import wait
from identity.users.users import Users
from runtime.clock import Clock, Micros, now_micros

# At DEBUG it prints the tokens that it issues.
logging.getLogger("authlib").setLevel(logging.WARNING)


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What the grants and endpoints work with."""

    issuer: str
    clients: Clients
    users: Users
    codes: Codes
    refresh_tokens: RefreshTokens
    devices: Devices
    scopes: Scopes
    tokens: Issuer
    proofs: DpopProofs
    authenticators: ClientAuthenticators
    client_limits: RateLimits
    # Of those that failed to authenticate a client.
    address_limits: RateLimits
    grant_lifetime: Micros
    clock: Clock = now_micros


class AuthorizationServer(AuthlibServer):
    """Runs inside `sync.run` alone: its hooks wait for the database."""

    def __init__(self, needs: Needs) -> None:
        super().__init__()
        self.needs = needs
        for method, function in needs.authenticators.all().items():
            self.register_client_auth_method(method, function)
        self.register_extension(_Iss)

    @override
    def query_client(self, client_id: str) -> OAuthClient | None:
        client = wait(self.needs.clients.get(client_id))
        return None if client is None else OAuthClient(client)

    @override
    def authenticate_client(
        self, request: Request, methods: Sequence[str], endpoint: str = "token"
    ) -> OAuthClient:
        """Authenticate by the one method that the request uses, for Authlib would try each."""
        method = presented_method(request)
        try:
            client: OAuthClient = super().authenticate_client(
                request, [method] if method in methods else [], endpoint
            )
        except InvalidClientError as error:
            self._failed(request, method)
            raise ClientAuthenticationError from error
        _take(self.needs.client_limits, client.get_client_id())
        return client

    @override
    def create_oauth2_request(self, request: Request) -> Request:
        """Take requests as they are: ours are made for Authlib."""
        return request

    @override
    def handle_response(self, status: int, body: Any, headers: Sequence[tuple[str, str]]) -> Answer:
        return Answer(status, body, dict(headers))

    @override
    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Tell nobody: what has to follow is called by its name."""

    def _failed(self, request: Request, method: str) -> None:
        claimed = request.form.get("client_id")
        audit(
            "client.authenticate",
            Outcome.FAILURE,
            client_id=claimed if claimed is None else claimed[:128],
            method=method,
            address=request.address,
        )
        _take(self.needs.address_limits, str(request.address))


def _take(limits: RateLimits, subject: str) -> None:
    seconds = limits.take(subject)
    if seconds is not None:
        raise TooManyRequestsError(seconds)


class _Iss(IssuerParameter):
    """RFC 9207: every authorization response says whose it is."""

    def __init__(self, server: AuthorizationServer) -> None:
        self._issuer = server.needs.issuer
        self(server)

    @override
    def get_issuer(self) -> str:
        return self._issuer
