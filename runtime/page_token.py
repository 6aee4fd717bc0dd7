"""Opaque page tokens for keyset paging (AIP-158).

A token holds the order columns of the last row sent, so that rows inserted or deleted before it
move nothing, and a digest of itself and of the query it belongs to. It is no secret and no proof:
whoever forges one can only start a listing elsewhere.
"""

import base64
import json
from collections.abc import Sequence
from hashlib import blake2b

from runtime.errors import FieldViolation, InvalidArgument

type Scalar = int | str
type Query = Sequence[Scalar | Query | None]

_VERSION = b"1"
_DIGEST_BYTES = 9
_MAX_LENGTH = 4096
_INT64 = range(-(2**63), 2**63)


def encode(query: Query, key: Sequence[Scalar]) -> str:
    """Return the token of the page that follows `key` in `query` (its filter and its order)."""
    body = json.dumps(key, separators=(",", ":")).encode()
    return _to_text(_digest(query, body) + body)


def decode(query: Query, token: str, shape: Sequence[type[Scalar]]) -> tuple[Scalar, ...]:
    """Return the key in a token of `query`, whose values are of the types in `shape`.

    Any other token is InvalidArgument on page_token.
    """
    try:
        return _decode(query, token, shape)
    except ValueError, RecursionError:
        rule = "must be the next_page_token of the same query, unchanged"
        raise InvalidArgument([FieldViolation("page_token", rule)]) from None


def _decode(query: Query, token: str, shape: Sequence[type[Scalar]]) -> tuple[Scalar, ...]:
    if len(token) > _MAX_LENGTH:
        raise ValueError
    raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    digest, body = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
    # Base64 has several spellings of the same bytes; only one of them was sent.
    if digest != _digest(query, body) or _to_text(raw) != token:
        raise ValueError
    key = json.loads(body)
    if not isinstance(key, list) or [type(each) for each in key] != list(shape):
        raise ValueError
    for each in key:
        _require_storable(each)
    return tuple(key)


def _require_storable(value: Scalar) -> None:
    """Refuse in a forged token what a database would choke on."""
    if isinstance(value, str):
        if b"\0" in value.encode():  # A lone surrogate raises UnicodeEncodeError, a ValueError.
            raise ValueError
    elif value not in _INT64:
        raise ValueError


def _to_text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _digest(query: Query, body: bytes) -> bytes:
    canonical = json.dumps(query, separators=(",", ":")).encode()
    return blake2b(canonical + b"\0" + body, digest_size=_DIGEST_BYTES, person=_VERSION).digest()
