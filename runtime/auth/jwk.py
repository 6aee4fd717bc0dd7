"""Public keys out of a JWK set (RFC 7517): only those that we would let sign a token."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

MIN_RSA_BITS = 2048
MAX_KEYS = 64
MAX_KID_LENGTH = 256

# By algorithm (RFC 7518, RFC 8037): key type, and its curve. Asymmetric ones alone: with a shared
# secret whoever verifies could sign as well, and "none" is no signature.
ALGORITHMS: Mapping[str, tuple[str, str | None]] = {
    "ES256": ("EC", "P-256"),
    "RS256": ("RSA", None),
    "EdDSA": ("OKP", "Ed25519"),
}

type KeyId = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Key:
    """A key with the one algorithm that it is for; `material` is what makes it itself."""

    kid: str
    alg: str
    material: tuple[str, ...]
    public: Any = field(compare=False, repr=False)


class JwkError(ValueError):
    """A JWK is not one that we accept."""


def parse_jwks(document: Mapping[str, Any]) -> tuple[dict[KeyId, Key], list[str]]:
    """Return the keys by `kid` and `alg`, and why the others were left out.

    A set may hold keys for other purposes: they are no reason to refuse the rest. JwkError where
    the document is no set at all.
    """
    listed = document.get("keys")
    if not isinstance(listed, list):
        raise JwkError("there is no list of keys")
    keys: dict[KeyId, Key] = {}
    problems = [f"only the first {MAX_KEYS} keys are read"] if len(listed) > MAX_KEYS else []
    for each in listed[:MAX_KEYS]:
        try:
            key = parse_jwk(each)
        except JwkError as error:
            problems.append(str(error))
            continue
        if keys.setdefault((key.kid, key.alg), key) != key:
            problems.append(f"two keys have the kid {key.kid!r:.80}: the first is used")
    return keys, problems


def parse_jwk(jwk: object) -> Key:
    """Read one public key for signatures. JwkError where it is none, or one that we refuse."""
    if not isinstance(jwk, dict):
        raise JwkError("a key is no JSON object")
    kid = jwk.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID_LENGTH:
        raise JwkError("a key has no kid")
    alg = _algorithm(kid, jwk)
    _check_purpose(kid, jwk)
    try:
        public = jwt.PyJWK(jwk, alg).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
        raise JwkError(f"key {kid!r:.80} cannot be read") from error
    if isinstance(public, RSAPublicKey) and public.key_size < MIN_RSA_BITS:
        raise JwkError(f"key {kid!r:.80} has {public.key_size} bits, less than {MIN_RSA_BITS}")
    material = tuple(str(jwk.get(name)) for name in ("kty", "crv", "x", "y", "n", "e"))
    return Key(kid, alg, material, public)


def _algorithm(kid: str, jwk: Mapping[str, Any]) -> str:
    """Return the one algorithm that fits type and curve; `alg` must agree where it stands."""
    kind = (jwk.get("kty"), jwk.get("crv"))
    for alg, wanted in ALGORITHMS.items():
        if kind == wanted and jwk.get("alg", alg) == alg:
            return alg
    raise JwkError(f"key {kid!r:.80} is for no algorithm of {', '.join(ALGORITHMS)}")


def _check_purpose(kid: str, jwk: Mapping[str, Any]) -> None:
    operations = jwk.get("key_ops", ["verify"])
    verifies = isinstance(operations, list) and "verify" in operations
    if jwk.get("use", "sig") != "sig" or not verifies:
        raise JwkError(f"key {kid!r:.80} is not for signatures")
    if "d" in jwk or "k" in jwk:
        raise JwkError(f"key {kid!r:.80} is published with its secret: nothing it signs is proof")
