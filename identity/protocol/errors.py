"""The errors of RFC 6749 and its extensions that Authlib has not, or has otherwise."""

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.errors import (
    InvalidClientError,
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    UnauthorizedClientError,
)

from identity.protocol.challenges import challenge

__all__ = [
    "ClientAuthenticationError",
    "InvalidClientError",
    "InvalidDpopProofError",
    "InvalidGrantError",
    "InvalidRequestError",
    "InvalidScopeError",
    "InvalidTargetError",
    "OAuth2Error",
    "TooManyRequestsError",
    "UnauthorizedClientError",
]


class ClientAuthenticationError(InvalidClientError):
    """The client is unknown or did not prove itself; which of them, nobody is told."""

    status_code = 401

    def __init__(self) -> None:
        super().__init__(description="Client authentication failed.")

    def get_headers(self) -> list[tuple[str, str]]:
        """Offer the one scheme there is; Authlib's own challenge has no realm."""
        headers: list[tuple[str, str]] = super(InvalidClientError, self).get_headers()
        return [*headers, ("WWW-Authenticate", challenge("Basic", charset="UTF-8"))]


class InvalidTargetError(OAuth2Error):
    """The resource is unknown, or out of the grant's reach (RFC 8707 §2)."""

    error = "invalid_target"


class InvalidDpopProofError(OAuth2Error):
    """The DPoP proof is missing or wrong (RFC 9449 §5)."""

    error = "invalid_dpop_proof"


class TooManyRequestsError(OAuth2Error):
    """The client or its address asks too often."""

    error = "temporarily_unavailable"
    status_code = 429

    def __init__(self, seconds: float) -> None:
        super().__init__(description="Too many requests.")
        self._seconds = seconds

    def get_headers(self) -> list[tuple[str, str]]:
        """Say when to come back."""
        headers: list[tuple[str, str]] = super().get_headers()
        return [*headers, ("Retry-After", str(max(1, round(self._seconds))))]
