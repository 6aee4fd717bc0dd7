"""The server's parts, each made once, and how they hang together."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from starlette.requests import Request as HttpRequest
from starlette.routing import BaseRoute

from identity.abuse.addresses import ClientAddresses
from identity.abuse.rate_limit import RateLimits
from identity.clients.clients import Clients
from identity.clients.resources import Resources
from identity.grants.codes import Codes
from identity.grants.devices import Devices
from identity.grants.grants import Grants
from identity.grants.pushed_requests import PushedRequests
from identity.grants.refresh_tokens import RefreshTokens
from identity.grants.used_jtis import UsedJtis
from identity.keys.key_cipher import KeyCipher
from identity.keys.key_lifecycle import micros
from identity.keys.signing_keys import SigningKeys
from identity.keys.tokens import Tokens
from identity.protocol.authorization import Authorization
from identity.protocol.authorization_server import AuthorizationServer, Needs
from identity.protocol.client_authentication import ClientAuthenticators
from identity.protocol.dpop import DpopProofs
from identity.protocol.end_session import Logout
from identity.protocol.endpoints.device_authorization import DeviceAuthorizationEndpoint
from identity.protocol.endpoints.introspection import IntrospectionEndpoint
from identity.protocol.endpoints.pushed_authorization import PushedAuthorizationEndpoint
from identity.protocol.endpoints.revocation import RevocationEndpoint
from identity.protocol.endpoints.userinfo import UserinfoEndpoint
from identity.protocol.grants.authorization_code import AuthorizationCodeGrant, S256Challenge
from identity.protocol.grants.client_credentials import ClientCredentialsGrant
from identity.protocol.grants.device_code import DeviceCodeGrant
from identity.protocol.grants.refresh_token import RefreshTokenGrant
from identity.protocol.issuing import Issuer
from identity.protocol.metadata import PATHS
from identity.protocol.presented import PresentedTokens
from identity.protocol.routes import protocol_routes
from identity.protocol.scopes import Scopes
from identity.settings import IdentitySettings
from identity.users.passwords import Passwords
from identity.users.users import Users
from runtime.clock import Clock, now_micros
from runtime.database import Database

_SECOND = timedelta(seconds=1)

# Characters of X-Forwarded-For: five addresses or so.
_LONGEST_HOPS = 200


@dataclass(frozen=True, kw_only=True)
class Foundations:
    """What everything else stands upon."""

    settings: IdentitySettings
    issuer: str
    database: Database
    cipher: KeyCipher
    keys: SigningKeys
    clients: Clients
    resources: Resources
    clock: Clock = now_micros
    monotonic: Callable[[], float] = time.monotonic


class Parts:
    """Every store and service of one server."""

    def __init__(self, base: Foundations) -> None:
        settings, database, clock = base.settings, base.database, base.clock
        self.base = base
        self.tokens = Tokens(
            base.issuer,
            base.keys,
            access_token_lifetime=settings.access_token_lifetime,
            id_token_lifetime=settings.id_token_lifetime,
            clock=clock,
        )
        self.grants = Grants(database, clock)
        self.refresh_tokens = RefreshTokens(
            database,
            base.cipher.derive("refresh"),
            lifetime=micros(settings.refresh_token_lifetime),
            grace=micros(settings.refresh_grace),
            clock=clock,
        )
        self.codes = Codes(
            database, self.refresh_tokens, lifetime=micros(settings.code_lifetime), clock=clock
        )
        self.devices = Devices(
            database,
            self.refresh_tokens,
            lifetime=micros(settings.device_code_lifetime),
            interval_seconds=settings.device_poll_interval // _SECOND,
            clock=clock,
        )
        self.pushed = PushedRequests(database, clock)
        self.jtis = UsedJtis(database)
        self.passwords = Passwords()
        self.users = Users(database, self.passwords, clock=clock)
        self.proofs = DpopProofs(self.jtis, clock)
        self.presented = PresentedTokens(self.tokens, self.grants, self.refresh_tokens, clock)
        self.addresses = ClientAddresses(settings.trusted_proxies)
        # To parse an address takes as long as to verify a token; clients come again.
        self._address = lru_cache(1024)(lambda peer, *hops: self.addresses.of(peer, hops))
        self.server = AuthorizationServer(self._needs())
        self.authorization = Authorization(
            self.server,
            self.pushed,
            self.tokens,
            base.issuer + PATHS["authorization_endpoint"],
        )
        self.logout = Logout(base.clients, self.tokens)
        self._register()

    def protocol_routes(self) -> list[BaseRoute]:
        """Return the routes that clients call."""
        userinfo = UserinfoEndpoint(self.presented, self.users, self.proofs)
        return [
            *protocol_routes(
                self.server, userinfo, self.base.keys, self.base.resources, self.address_of
            )
        ]

    def address_of(self, http: HttpRequest) -> str:
        """Return the address that answers for a request."""
        peer = None if http.client is None else http.client.host
        hops = http.headers.getlist("x-forwarded-for")
        # Strangers write these: what is remembered of them is short.
        if sum(map(len, hops)) > _LONGEST_HOPS:
            return self.addresses.of(peer, hops)
        return self._address(peer, *hops)

    def _needs(self) -> Needs:
        base, settings = self.base, self.base.settings
        scopes = Scopes(base.resources, base.issuer)
        audiences = (base.issuer, base.issuer + PATHS["token_endpoint"])
        return Needs(
            issuer=base.issuer,
            clients=base.clients,
            users=self.users,
            codes=self.codes,
            refresh_tokens=self.refresh_tokens,
            devices=self.devices,
            scopes=scopes,
            tokens=Issuer(self.tokens, scopes),
            proofs=self.proofs,
            authenticators=ClientAuthenticators(base.clients, self.jtis, audiences, base.clock),
            client_limits=RateLimits(settings.client_rate, clock=base.monotonic),
            address_limits=RateLimits(settings.address_rate, clock=base.monotonic),
            grant_lifetime=micros(settings.grant_lifetime),
            clock=base.clock,
        )

    def _register(self) -> None:
        """Give the server its grants and endpoints; what is not here does not exist."""
        server = self.server
        server.register_grant(ClientCredentialsGrant)
        server.register_grant(AuthorizationCodeGrant, [S256Challenge(required=True)])
        server.register_grant(RefreshTokenGrant)
        server.register_grant(DeviceCodeGrant)
        server.register_endpoint(IntrospectionEndpoint(self.presented))
        server.register_endpoint(RevocationEndpoint(self.presented))
        server.register_endpoint(DeviceAuthorizationEndpoint(self.base.issuer + "/device"))
        server.register_endpoint(PushedAuthorizationEndpoint(self.authorization, self.pushed))
