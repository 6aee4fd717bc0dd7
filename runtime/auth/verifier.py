"""Is this an access token of our issuer, for us, now? RFC 9068 §4, RFC 8725."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import jwt

from runtime.auth.caller import Caller
from runtime.auth.jwk import ALGORITHMS, MAX_KID_LENGTH, Key
from runtime.auth.jwks import Jwks

MAX_TOKEN_BYTES = 4096
TYPES = frozenset({"at+jwt", "application/at+jwt"})
REQUIRED_CLAIMS = ("iss", "aud", "sub", "client_id", "exp", "iat", "jti")


class TokenError(Exception):
    """A token is not good. The text says why and quotes nothing of it."""


class TokenExpiredError(TokenError):
    """The token was good once."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A token that is good until `until` (seconds since the epoch, leeway included).

    `confirmation` (RFC 7800) binds it to a key of its bearer's: who accepts the token must see
    a proof of that key, such as DPoP's. None for a token that whoever holds it may use.
    """

    caller: Caller
    key: Key
    until: float
    confirmation: Mapping[str, Any] | None = None


class Verifier:
    """Verifies tokens of one issuer for one audience."""

    def __init__(
        self, keys: Jwks, *, issuer: str, audience: str, leeway: timedelta = timedelta(0)
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._leeway = leeway.total_seconds()
        self._jwt = jwt.PyJWT()

    async def key_of(self, token: str) -> Key:
        """Return the key that the token names. Raises TokenError, AwayError."""
        kid, alg = _read_header(token)
        key = await self._keys.find(kid, alg)
        if key is None:
            raise TokenError("its key is not one of the issuer's")
        return key

    def verify(self, token: str, key: Key) -> Verified:
        """Check the signature and the claims. Raises TokenError."""
        try:
            claims = self._decode(token, key)
        except jwt.ExpiredSignatureError as error:
            raise TokenExpiredError("it has expired") from error
        except _MALFORMED as error:
            raise TokenError(_RULES.get(type(error), "it is malformed")) from error
        return self._verified(claims, key)

    def _decode(self, token: str, key: Key) -> Mapping[str, Any]:
        claims: Mapping[str, Any] = self._jwt.decode(
            token,
            key.public,
            algorithms=[key.alg],
            audience=self._audience,
            issuer=self._issuer,
            leeway=self._leeway,
            options={"require": list(REQUIRED_CLAIMS), "enforce_minimum_key_length": True},
        )
        return claims

    def _verified(self, claims: Mapping[str, Any], key: Key) -> Verified:
        subject, client_id, scope = claims["sub"], claims["client_id"], claims.get("scope", "")
        end, issued, confirmation = claims["exp"], claims["iat"], claims.get("cnf")
        typed = (
            all(isinstance(each, str) for each in (subject, client_id, scope, claims["jti"]))
            and all(isinstance(each, int | float) for each in (end, issued))
            and isinstance(confirmation, dict | None)
        )
        if not typed or not subject or not client_id:
            raise TokenError("a claim has the wrong type")
        if end <= issued:
            raise TokenError("it expires before it was issued")
        caller = Caller(subject, client_id, frozenset(scope.split()))
        return Verified(caller, key, end + self._leeway, confirmation)


_MALFORMED = (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError)
_RULES: Mapping[type[Exception], str] = {
    jwt.ImmatureSignatureError: "it is not valid yet",
    jwt.InvalidAudienceError: "it is for another audience",
    jwt.InvalidIssuerError: "it is of another issuer",
    jwt.InvalidSignatureError: "its signature is wrong",
    jwt.MissingRequiredClaimError: "it lacks a claim of RFC 9068",
}


def _read_header(token: str) -> tuple[str, str]:
    """Return `kid` and `alg` of an access token. Where its keys are to be had is not its word."""
    if len(token) > MAX_TOKEN_BYTES:
        raise TokenError(f"it is longer than {MAX_TOKEN_BYTES} bytes")
    try:
        header = jwt.get_unverified_header(token)
    except _MALFORMED as error:
        raise TokenError("it is malformed") from error
    kid, alg, kind = header.get("kid"), header.get("alg"), header.get("typ")
    if "crit" in header:
        raise TokenError("it wants something that this server does not know (crit)")
    if not isinstance(kind, str) or kind.lower() not in TYPES:
        raise TokenError("it is no access token (typ)")
    if not isinstance(alg, str) or alg not in ALGORITHMS:
        raise TokenError(f"its algorithm is none of {', '.join(ALGORITHMS)}")
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID_LENGTH:
        raise TokenError("it does not name its key (kid)")
    return kid, alg
