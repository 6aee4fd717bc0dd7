"""The settings of whoever verifies tokens, and of whoever gets them."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from runtime.settings import Duration, Settings
from runtime.state_folder import state_folder
from runtime.transport import PlaintextError, check_target, check_url

DEFAULT_ISSUER = "http://127.0.0.1:8080"


def check_issuer(value: str) -> str:
    """Accept an issuer identifier (RFC 8414 §2); whether it needs TLS depends on another flag."""
    check_url(value, trust_network=True)
    if "?" in value or "#" in value:
        raise ValueError("must have neither query nor fragment")
    return value


def check_audience(value: str) -> str:
    """Accept a resource indicator: an absolute URI without fragment (RFC 8707 §2)."""
    parts = urlsplit(value)
    if not parts.scheme or not (parts.netloc or parts.path) or "#" in value or " " in value:
        raise ValueError("must be an absolute URI without fragment, such as urn:bodega:product")
    return value


type IssuerUrl = Annotated[str, AfterValidator(check_issuer)]
type Audience = Annotated[str, AfterValidator(check_audience)]


class IssuerSettings(Settings):
    """Tokens."""

    issuer: Annotated[
        IssuerUrl, Field(description="the OAuth 2.0 issuer of tokens, as it calls itself")
    ] = DEFAULT_ISSUER
    issuer_roots: Annotated[
        Path | None,
        Field(description="PEM file of the roots to trust for the issuer; unset: the system's"),
    ] = None
    trust_network: Annotated[
        bool,
        Field(description="let tokens and keys travel without TLS beyond this machine"),
    ] = False

    @model_validator(mode="after")
    def _issuer_is_safe(self) -> Self:
        try:
            check_url(self.issuer, trust_network=self.trust_network)
        except PlaintextError as error:
            raise ValueError(f"--issuer: {error}: use https, or --trust-network") from error
        if self.issuer_roots is not None and not self.issuer_roots.is_file():
            raise ValueError(f"--issuer-roots: there is no file {self.issuer_roots}")
        return self


class VerifierSettings(IssuerSettings):
    """Tokens that come in."""

    audience: Annotated[
        Audience, Field(description="what tokens for this service name as their audience (URI)")
    ]
    clock_skew: Annotated[
        Duration,
        Field(
            ge=timedelta(0),
            le=timedelta(minutes=5),
            description="how far the issuer's clock may be from ours",
        ),
    ] = timedelta(seconds=30)


class ClientSettings(IssuerSettings):
    """Tokens of our own."""

    client_id: Annotated[str, Field(min_length=1, description="our name at the issuer")]
    client_secret_file: Annotated[
        Path | None,
        Field(
            description="file of our secret there; nobody else may read it; unset: where the"
            " identity server puts those that it makes, clients/CLIENT-ID.secret in its --data"
        ),
    ] = None

    @property
    def secret_file(self) -> Path:
        """Where our secret is."""
        return self.client_secret_file or self._data() / "clients" / f"{self.client_id}.secret"

    def _data(self) -> Path:
        """Return the folder that is shared with the identity server, unless we are told."""
        return state_folder()

    def _check_target(self, target: str, roots: Path | None, *, flag: str, roots_flag: str) -> None:
        """Refuse a server to which a token would travel in the clear."""
        try:
            check_target(target, tls=roots is not None, trust_network=self.trust_network)
        except PlaintextError as error:
            raise ValueError(f"{flag}: {error}: use {roots_flag}, or --trust-network") from error
