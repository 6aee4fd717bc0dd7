"""The settings of the identity server and of its admin program."""

from datetime import timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from identity.http.connections import ConnectionLimits
from runtime.database_settings import DatabaseSettings, DatabaseUrl, default_database
from runtime.engine import TlsFiles
from runtime.settings import (
    TLS_CERTIFICATE,
    Address,
    Duration,
    MonitoringSettings,
    Settings,
    SettingsConfigDict,
)
from runtime.state_folder import state_folder


def is_loopback(host: str | None) -> bool:
    """Whether a host names this machine alone."""
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False


def check_issuer(value: str) -> str:
    """Accept an issuer identifier (RFC 8414 §2): https, no query, no fragment, no last slash."""
    parts = urlsplit(value)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise ValueError("must begin with https:// (http:// on a loopback address alone)")
    if not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("must be https://HOST[:PORT][/PATH] and nothing more")
    if value.endswith("/"):
        raise ValueError("must not end with a slash: tokens name the issuer to the letter")
    return value


def check_networks(value: str) -> str:
    """Accept addresses or networks, comma-separated."""
    for part in filter(None, (part.strip() for part in value.split(","))):
        try:
            ip_network(part)
        except ValueError:
            message = f"{part}: must be an address or a network such as 10.0.0.0/8"
            raise ValueError(message) from None
    return value


type Issuer = Annotated[str, AfterValidator(check_issuer)]


class StoreSettings(DatabaseSettings):
    """What the server and the admin program agree upon."""

    database: DatabaseUrl = default_database("identity")
    data: Annotated[
        Path, Field(description="folder of the development key and of generated client secrets")
    ] = state_folder()
    encryption_key_file: Annotated[
        Path | None,
        Field(
            description="file with 32 random bytes in base64 that private keys are encrypted under;"
            " unset: identity.key in --data, which is made where it is missing"
        ),
    ] = None
    clients: Annotated[
        Path | None,
        Field(
            description="clients.toml with the resources, scopes and clients to have;"
            " unset: those of the shop"
        ),
    ] = None


class KeySettings(Settings):
    """Signing keys."""

    signing_algorithm: Annotated[
        Literal["ES256", "RS256", "EdDSA"],
        Field(description="algorithm of access tokens, and of ID tokens by default"),
    ] = "ES256"
    key_period: Annotated[
        Duration, Field(ge=timedelta(milliseconds=100), description="how long a key signs")
    ] = timedelta(days=30)
    key_announce: Annotated[
        Duration,
        Field(ge=timedelta(0), description="how long a key is published before it signs anything"),
    ] = timedelta(days=1)
    key_poll: Annotated[
        Duration,
        Field(
            ge=timedelta(milliseconds=10),
            description="how often to look for keys that another replica or the admin made",
        ),
    ] = timedelta(seconds=10)

    @model_validator(mode="after")
    def _every_key_is_seen_before_it_signs(self) -> Self:
        if self.key_announce < 2 * self.key_poll:
            message = (
                "--key-announce: must be twice --key-poll or more, so that every replica publishes"
                " a key before any of them signs with it"
            )
            raise ValueError(message)
        if self.key_period < self.key_announce:
            message = "--key-period: must be --key-announce or more"
            raise ValueError(message)
        return self


class LifetimeSettings(Settings):
    """Lifetimes."""

    access_token_lifetime: Annotated[
        Duration, Field(ge=timedelta(seconds=1), description="of access tokens")
    ] = timedelta(minutes=10)
    id_token_lifetime: Annotated[
        Duration, Field(ge=timedelta(seconds=1), description="of ID tokens")
    ] = timedelta(minutes=10)
    code_lifetime: Annotated[
        Duration,
        Field(ge=timedelta(seconds=1), le=timedelta(minutes=10), description="of a code"),
    ] = timedelta(seconds=60)
    refresh_token_lifetime: Annotated[
        Duration, Field(ge=timedelta(seconds=1), description="of a refresh token not used")
    ] = timedelta(days=14)
    grant_lifetime: Annotated[
        Duration,
        Field(
            ge=timedelta(seconds=1),
            description="after which the user is asked again, however often it was refreshed",
        ),
    ] = timedelta(days=90)
    refresh_grace: Annotated[
        Duration,
        Field(
            ge=timedelta(0),
            le=timedelta(minutes=1),
            description="how long a used refresh token gives its one successor again, for a"
            " client that lost the answer",
        ),
    ] = timedelta(seconds=10)
    device_code_lifetime: Annotated[
        Duration, Field(ge=timedelta(seconds=10), description="of a device code")
    ] = timedelta(minutes=10)
    device_poll_interval: Annotated[
        Duration, Field(ge=timedelta(seconds=1), description="between two polls of a device")
    ] = timedelta(seconds=5)
    session_lifetime: Annotated[
        Duration, Field(ge=timedelta(seconds=1), description="of a log-in, however much it is used")
    ] = timedelta(hours=12)
    session_idle: Annotated[
        Duration, Field(ge=timedelta(seconds=1), description="of a log-in that is not used")
    ] = timedelta(hours=1)


class AbuseSettings(Settings):
    """Abuse."""

    client_rate: Annotated[
        int, Field(ge=1, description="requests a second of one client, at each replica")
    ] = 2000
    address_rate: Annotated[
        int,
        Field(
            ge=1, description="requests a second of one address without a client, at each replica"
        ),
    ] = 100
    address_connections: Annotated[
        int,
        Field(
            ge=1,
            description="connections of one address, at each replica; beyond it the one that has"
            " waited longest for a request is closed",
        ),
    ] = 512
    lock_after: Annotated[
        int, Field(ge=1, description="failed log-ins of an account before it is locked for a while")
    ] = 5
    lock_base: Annotated[
        Duration, Field(description="length of the first lock; each further failure doubles it")
    ] = timedelta(seconds=2)
    lock_most: Annotated[Duration, Field(description="length of the longest lock")] = timedelta(
        minutes=15
    )
    trusted_proxies: Annotated[
        str,
        AfterValidator(check_networks),
        Field(
            description="addresses or networks, comma-separated, whose X-Forwarded-For is believed,"
            " and whose connections are limited in total only"
        ),
    ] = ""


class IdentitySettings(
    StoreSettings, KeySettings, LifetimeSettings, AbuseSettings, MonitoringSettings
):
    """Identity server: OAuth 2.0 and OpenID Connect, over HTTP."""

    model_config = SettingsConfigDict(env_prefix="BODEGA_IDENTITY_")

    listen: Annotated[Address, Field(description="address of the HTTP listener")] = "127.0.0.1:8080"
    issuer: Annotated[
        Issuer | None,
        Field(
            description="URL that clients know this server by; unset: http:// and --listen, where"
            " that is a loopback address"
        ),
    ] = None
    grace: Annotated[
        Duration,
        Field(ge=timedelta(0), description="how long running requests may finish after SIGTERM"),
    ] = timedelta(seconds=10)
    keep_alive: Annotated[
        Duration,
        Field(
            ge=timedelta(seconds=1),
            description="how long a connection may be idle; longer than that of a proxy in front,"
            " which is 60s for most",
        ),
    ] = timedelta(seconds=75)
    tls_certificate: Annotated[Path | None, Field(description=TLS_CERTIFICATE)] = None
    tls_key: Annotated[Path | None, Field(description="PEM file of the private key")] = None
    metrics_listen: Address | None = "127.0.0.1:9054"

    @property
    def connection_limits(self) -> ConnectionLimits:
        """The limits of the listener's connections."""
        return ConnectionLimits(
            of_address=self.address_connections,
            keep_alive=self.keep_alive,
            trusted_proxies=self.trusted_proxies,
        )

    @property
    def tls(self) -> TlsFiles | None:
        """The files of the listener's certificate and key, where TLS is on."""
        if self.tls_certificate is None or self.tls_key is None:
            return None
        return TlsFiles(self.tls_certificate, self.tls_key)

    @model_validator(mode="after")
    def _issuer_is_known(self) -> Self:
        host = self.listen.rpartition(":")[0].strip("[]")
        if self.issuer is None and not is_loopback(host):
            message = f"--issuer: is needed where --listen ({self.listen}) is no loopback address"
            raise ValueError(message)
        if (self.tls_certificate is None) != (self.tls_key is None):
            message = "--tls-certificate and --tls-key: one needs the other"
            raise ValueError(message)
        return self


class AdminSettings(StoreSettings, KeySettings):
    """Identity admin: clients, users, keys and tokens, straight in the database."""

    model_config = SettingsConfigDict(env_prefix="BODEGA_IDENTITY_", cli_prog_name="identity-admin")
