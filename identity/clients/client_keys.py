"""The public keys that a client signs its assertions with (RFC 7517, RFC 7523)."""

from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK
from jwt.exceptions import PyJWTError

_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_MOST_KEYS = 10
_CURVES = {"secp256r1": ("ES256",), "secp384r1": ("ES384",), "secp521r1": ("ES512",)}
_TYPES = "must be an RSA, EC (P-256, P-384, P-521) or Ed25519 public key"


def check_jwks(jwks: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Accept a JWK set of public keys for signatures, each with a `kid` where there are several."""
    if jwks is None:
        return None
    keys = jwks.get("keys")
    if set(jwks) != {"keys"} or not isinstance(keys, list) or not 1 <= len(keys) <= _MOST_KEYS:
        raise ValueError(f'must be {{"keys": […]}} with 1 to {_MOST_KEYS} keys')
    for number, key in enumerate(keys):
        rule = _broken_rule(key)
        if rule is not None:
            raise ValueError(f"keys.{number}: {rule}")
    kids = [key.get("kid") for key in keys]
    if len(keys) > 1 and (None in kids or len(set(kids)) < len(kids)):
        raise ValueError("several keys need a kid each, all different")
    return jwks


def _broken_rule(jwk: object) -> str | None:
    if not isinstance(jwk, dict) or not all(isinstance(name, str) for name in jwk):
        return "must be a JWK"
    private = sorted(_PRIVATE_MEMBERS & set(jwk))
    if private or jwk.get("kty") == "oct":
        return "is a private key: register its public half alone, and make another"
    if jwk.get("use", "sig") != "sig" or not isinstance(jwk.get("kid", ""), str):
        return 'must have the use "sig" or none, and a text as kid or none'
    return _broken_type(jwk)


def _broken_type(jwk: dict[str, Any]) -> str | None:
    try:
        key = PyJWK({name: value for name, value in jwk.items() if name != "alg"}).key
    except PyJWTError, ValueError, TypeError, KeyError:
        return _TYPES
    if isinstance(key, RSAPublicKey) and not 2048 <= key.key_size <= 8192:
        return "must be an RSA key of 2048 bits or more"
    algorithms = _algorithms(key)
    if not algorithms:
        return _TYPES
    if jwk.get("alg", algorithms[0]) not in algorithms:
        return f"has an alg that does not fit it: must be {' or '.join(algorithms)}"
    return None


def _algorithms(key: object) -> tuple[str, ...]:
    """Return those that assertions may be signed with, none for a key that is not for them."""
    match key:
        case RSAPublicKey():
            return ("RS256", "PS256")
        case EllipticCurvePublicKey():
            return _CURVES.get(key.curve.name, ())
        case Ed25519PublicKey():
            return ("EdDSA",)
        case _:
            return ()
