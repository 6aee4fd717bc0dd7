"""What callers are told whose token is missing, not good, or not enough."""

from collections.abc import Mapping
from datetime import timedelta
from typing import NoReturn

from runtime.auth.caller import Caller
from runtime.auth.refresh import AwayError
from runtime.errors import PermissionDenied, Unauthenticated, Unavailable
from runtime.reason import Reason

# Of a token that was good once; another one of the same client may well be accepted.
EXPIRED = Reason.TOKEN_EXPIRED
KEY_WITHDRAWN = Reason.TOKEN_KEY_WITHDRAWN
# Of a token that never was, as far as can be told.
INVALID = Reason.TOKEN_INVALID
BOUND = Reason.TOKEN_BOUND

_ENDINGS: Mapping[Reason, str] = {
    EXPIRED: "the token of this stream has expired: open it again with a new one",
    KEY_WITHDRAWN: "the token's key was withdrawn: open the stream again with a new token",
}


def missing() -> Unauthenticated:
    """Ask for a token."""
    return Unauthenticated(
        "this call wants a token: authorization: Bearer TOKEN",
        reason=Reason.TOKEN_MISSING,
        challenge='Bearer realm="bodega"',
    )


def refusal(message: str, reason: Reason) -> Unauthenticated:
    """Refuse a token."""
    challenge = f'Bearer realm="bodega", error="invalid_token", error_description="{message}"'
    return Unauthenticated(message, reason=reason, challenge=challenge)


def ending(reason: Reason) -> Unauthenticated:
    """End a stream whose token is EXPIRED or KEY_WITHDRAWN."""
    return refusal(_ENDINGS[reason], reason)


def issuer_away(error: AwayError) -> Unavailable:
    """Say that nobody knows whether the token is good."""
    return Unavailable(
        "the token cannot be checked now: its issuer is away",
        reason=Reason.ISSUER_UNAVAILABLE,
        retry_after=max(error.retry_after, timedelta(seconds=1)),
    )


def deny(scopes: frozenset[str], caller: Caller) -> NoReturn:
    """Refuse a caller who has not all of the scopes."""
    wanted = " ".join(sorted(scopes))
    raise PermissionDenied(
        f"this call wants the scopes: {wanted}",
        reason=Reason.SCOPE_MISSING,
        metadata={"scopes": wanted, "missing": " ".join(sorted(scopes - caller.scopes))},
        challenge=f'Bearer realm="bodega", error="insufficient_scope", scope="{wanted}"',
    )
