"""Tokens that no issuer signs, as an attacker puts them together."""

import base64
import json
from collections.abc import Mapping

import jwt
from cryptography.hazmat.primitives import serialization

from runtime.testing.issuer import SigningKey


def segment(value: object) -> str:
    """Return a part of a token: bytes as they are, anything else as JSON."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unsigned(key: SigningKey, claims: Mapping[str, object], **header: object) -> str:
    """Return a token that names a key and has no signature; `header` adds, or replaces."""
    parts = {"typ": "at+jwt", "kid": key.kid, **header}, claims
    return ".".join([*map(segment, parts), ""])


def hs256_with_the_public_key(key: SigningKey, claims: Mapping[str, object]) -> str:
    """RFC 8725 §2.1: what verifies as a public key is used as a shared secret."""
    pem = key.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    header = {"alg": "HS256", "typ": "at+jwt", "kid": key.kid}
    signed = f"{segment(header)}.{segment(claims)}"
    mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    return f"{signed}.{segment(mac.sign(signed.encode(), pem))}"
