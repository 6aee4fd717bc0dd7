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


def client_algorithm(jwk: Mapping[str, Any]) -> str:
    """Return the one algorithm that a checked key is used with."""
    match jwk:
        case {"alg": str(alg)}:
            return alg
        case {"kty": "RSA"}:
            return "RS256"
        case {"kty": "OKP"}:
            return "EdDSA"
        case _:
            return {"P-256": "ES256", "P-384": "ES384"}[jwk["crv"]]


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
        return "must be an RSA, EC (P-256, P-384) or Ed25519 public key"
    match key:
        case RSAPublicKey() if not 2048 <= key.key_size <= 8192:
            return "must be an RSA key of 2048 bits or more"
        case RSAPublicKey():
            algorithms = {"RS256", "PS256", "RS384", "PS384", "RS512", "PS512"}
        case EllipticCurvePublicKey() if key.curve.name == "secp256r1":
            algorithms = {"ES256"}
        case EllipticCurvePublicKey() if key.curve.name == "secp384r1":
            algorithms = {"ES384"}
        case Ed25519PublicKey():
            algorithms = {"EdDSA"}
        case _:
            return "must be an RSA, EC (P-256, P-384) or Ed25519 public key"
    if jwk.get("alg", next(iter(algorithms))) not in algorithms:
        return f"has an alg that does not fit it: {', '.join(sorted(algorithms))}"
    return None
