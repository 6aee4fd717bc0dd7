"""JWTs that strangers made: client assertions and DPoP proofs."""

from collections.abc import Collection, Mapping
from typing import Any

import jwt
from jwt import PyJWK

# Signatures alone, by keys that have a public half: no HMAC, and never "none".
ALGORITHMS = ("ES256", "ES384", "ES512", "EdDSA", "RS256", "PS256")

# Longest that we read; the longest honest one, signed with RSA of 4096 bits, has half of it.
_MOST_CHARACTERS = 8192

LEEWAY_SECONDS = 10


def header_of(token: str) -> dict[str, Any] | None:
    """Return a JWT's header, which nobody has verified; None for what is no JWT."""
    if len(token) > _MOST_CHARACTERS:
        return None
    try:
        return jwt.get_unverified_header(token)
    except Exception:  # noqa: BLE001 (a parser may raise anything at hostile input)
        return None


def subject_of(token: str) -> str | None:
    """Return a JWT's `sub`, which nobody has verified."""
    if len(token) > _MOST_CHARACTERS:
        return None
    try:
        subject = jwt.decode(token, options={"verify_signature": False}).get("sub")
    except Exception:  # noqa: BLE001 (a parser may raise anything at hostile input)
        return None
    return subject if isinstance(subject, str) else None


def verified(
    token: str,
    jwk: Mapping[str, Any],
    *,
    required: Collection[str],
    audience: Collection[str] | None = None,
    issuer: str | None = None,
) -> dict[str, Any] | None:
    """Return the claims of a JWT that the key has signed, or None.

    The algorithm must be one that the key is for: PyJWT takes it from the key, never from the
    header alone. `required` claims must be there; `exp`, `nbf` and `iat` hold where they are.
    """
    if len(token) > _MOST_CHARACTERS:
        return None
    try:
        key = PyJWK.from_dict({**jwk, **_algorithm(jwk, token)})
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            audience=list(audience) if audience else None,
            issuer=issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": list(required), "verify_aud": audience is not None},
        )
    except Exception:  # noqa: BLE001 (a parser may raise anything at hostile input)
        return None
    return claims


def _algorithm(jwk: Mapping[str, Any], token: str) -> dict[str, str]:
    """Choose the algorithm: the key's own, else the header's, where the key's type allows it."""
    named = jwk.get("alg") or jwt.get_unverified_header(token)["alg"]
    fits = {
        "EC": {"P-256": ("ES256",), "P-384": ("ES384",), "P-521": ("ES512",)}.get(
            jwk.get("crv", ""), ()
        ),
        "OKP": ("EdDSA",) if jwk.get("crv") == "Ed25519" else (),
        "RSA": ("RS256", "PS256"),
    }[jwk["kty"]]
    if named not in fits or named not in ALGORITHMS:
        message = "the algorithm is not of this key"
        raise ValueError(message)
    return {"alg": named}
