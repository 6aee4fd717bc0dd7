"""The algorithms that tokens are signed with, and their keys as JWKs."""

import base64
import hashlib
import json
from typing import Literal, get_args

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicKey,
)
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

type Algorithm = Literal["ES256", "RS256", "EdDSA"]
type PrivateKey = EllipticCurvePrivateKey | RSAPrivateKey | Ed25519PrivateKey
type PublicKey = EllipticCurvePublicKey | RSAPublicKey | Ed25519PublicKey
type Jwk = dict[str, str]

ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm.__value__)

_RSA_BITS = 3072
# The members that RFC 7638 hashes, of each type of key.
_THUMBPRINT_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")} | {
    "OKP": ("crv", "kty", "x")
}


def generate(algorithm: Algorithm) -> PrivateKey:
    """Return a new private key. An RSA key takes most of a second of a core.

    Of every 64 one has a thumbprint that programs at a terminal take for a flag: it is not used.
    """
    while True:
        key = _generate(algorithm)
        if not thumbprint(_bare_jwk(key)).startswith("-"):
            return key


def _generate(algorithm: Algorithm) -> PrivateKey:
    match algorithm:
        case "ES256":
            return generate_private_key(SECP256R1())
        case "RS256":
            return generate_rsa(public_exponent=65537, key_size=_RSA_BITS)
        case "EdDSA":
            return Ed25519PrivateKey.generate()


def public_jwk(key: PrivateKey, algorithm: Algorithm) -> Jwk:
    """Return the public half as it is published (RFC 7517), with its thumbprint as `kid`."""
    bare = _bare_jwk(key)
    return {**bare, "kid": thumbprint(bare), "use": "sig", "alg": algorithm}


def thumbprint(jwk: Jwk) -> str:
    """Return the RFC 7638 thumbprint of a key."""
    members = {name: jwk[name] for name in _THUMBPRINT_MEMBERS[jwk["kty"]]}
    canonical = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return _base64url(hashlib.sha256(canonical.encode()).digest())


def half_hash(text: str, algorithm: Algorithm) -> str:
    """Return an `at_hash` (OpenID Connect Core 3.1.3.6): half the hash that the algorithm uses."""
    hashed = hashlib.sha512 if algorithm == "EdDSA" else hashlib.sha256
    digest = hashed(text.encode("ascii")).digest()
    return _base64url(digest[: len(digest) // 2])


def to_der(key: PrivateKey) -> bytes:
    """Return a private key as PKCS #8."""
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def from_der(data: bytes) -> PrivateKey:
    """Return the private key out of what `to_der` made."""
    key = load_der_private_key(data, password=None)
    if not isinstance(key, (EllipticCurvePrivateKey, RSAPrivateKey, Ed25519PrivateKey)):
        raise TypeError(f"no key of ours: {type(key).__name__}")
    return key


def _bare_jwk(key: PrivateKey) -> Jwk:
    match key:
        case EllipticCurvePrivateKey():
            made = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case RSAPrivateKey():
            made = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case Ed25519PrivateKey():
            made = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {name: made[name] for name in _THUMBPRINT_MEMBERS[made["kty"]]}


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
