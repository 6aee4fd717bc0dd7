"""Why a call failed, for programs."""

from collections.abc import Sequence
from enum import StrEnum, auto
from typing import override


class ReasonEnum(StrEnum):
    """An enumeration of reasons, each of which is its own name."""

    @staticmethod
    @override
    def _generate_next_value_(name: str, start: int, count: int, last_values: Sequence[str]) -> str:
        return name


class Reason(ReasonEnum):
    """The values of bodega.errors.v1.Reason, which documents them."""

    INVALID_ARGUMENT = auto()
    MALFORMED = auto()
    PRODUCT_NOT_FOUND = auto()
    SKU_TAKEN = auto()
    REVISION_AHEAD = auto()
    CART_NOT_FOUND = auto()
    CART_EXISTS = auto()
    ITEM_NOT_FOUND = auto()
    OWNER_FORBIDDEN = auto()
    OWNER_MIXED = auto()
    DISCOUNT_NOT_FOUND = auto()
    DISCOUNT_EXISTS = auto()
    ETAG_STALE = auto()
    REQUEST_ID_REUSED = auto()
    BATCH_ID_REUSED = auto()
    TOKEN_MISSING = auto()
    TOKEN_INVALID = auto()
    TOKEN_BOUND = auto()
    TOKEN_EXPIRED = auto()
    TOKEN_KEY_WITHDRAWN = auto()
    SCOPE_MISSING = auto()
    ISSUER_UNAVAILABLE = auto()
    TOKEN_UNAVAILABLE = auto()
    PRODUCT_UNAVAILABLE = auto()
    DISCOUNT_UNAVAILABLE = auto()
    UPSTREAM_UNAVAILABLE = auto()
    UPSTREAM_TIMEOUT = auto()
    UPSTREAM_OVERLOADED = auto()
    DATABASE_AWAY = auto()
    DATABASE_CLOSING = auto()
    DATABASE_CORRUPT = auto()
    TOO_MANY_QUERIES = auto()
    TOO_MANY_WRITES = auto()
    TOO_MANY_RPCS = auto()
    SERVER_STOPPING = auto()
    SERVICE_UNKNOWN = auto()
