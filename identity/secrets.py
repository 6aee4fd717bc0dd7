"""What is handed out once and stored as a digest: codes, tokens, cookies and client secrets."""

import hashlib
import hmac
import secrets


def new_secret() -> str:
    """Return 256 random bits, in base64url."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """Return what is stored of a secret from `new_secret`: its SHA-256.

    A slow hash would add nothing, since nobody can guess 256 bits. Whatever a caller sends may be
    digested too, so characters outside UTF-8 must not raise.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def same(one: bytes, other: bytes) -> bool:
    """Compare in a time that says nothing of where they differ."""
    return hmac.compare_digest(one, other)
