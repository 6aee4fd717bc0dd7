"""The carts' own errors; `field` in the metadata names the field of the request."""

from runtime.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    FieldViolation,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)
from runtime.reason import Reason


def cart_not_found(owner: str) -> NotFound:
    """Return the error that the owner has no cart."""
    return NotFound(
        f"owner: {owner!r} has no cart",
        reason=Reason.CART_NOT_FOUND,
        metadata={"field": "owner", "owner": owner},
    )


def cart_exists(owner: str) -> AlreadyExists:
    """Return the error that the owner has a cart already."""
    return AlreadyExists(
        f"owner: {owner!r} has a cart already",
        reason=Reason.CART_EXISTS,
        metadata={"field": "owner", "owner": owner},
    )


def item_not_found(item_id: int) -> NotFound:
    """Return the error that the cart has no such item."""
    return NotFound(
        f"item_id: there is no item {item_id} in the cart",
        reason=Reason.ITEM_NOT_FOUND,
        metadata={"field": "item_id", "item_id": str(item_id)},
    )


def etag_stale(owner: str) -> Aborted:
    """Return the error that the cart was changed after the client read it."""
    return Aborted(
        "etag: the cart has changed since: read it again",
        reason=Reason.ETAG_STALE,
        metadata={"field": "etag", "owner": owner},
    )


def request_id_reused(request_id: str) -> FailedPrecondition:
    """Return the error that a request id names another creation."""
    return FailedPrecondition(
        f"request_id: {request_id} was used before for other items",
        reason=Reason.REQUEST_ID_REUSED,
        metadata={"field": "request_id"},
    )


def batch_id_reused(batch_id: str) -> FailedPrecondition:
    """Return the error that a batch id names other items."""
    return FailedPrecondition(
        f"batch_id: {batch_id!r} was used before for other items",
        reason=Reason.BATCH_ID_REUSED,
        metadata={"field": "batch_id"},
    )


def owner_forbidden() -> PermissionDenied:
    """Return the error that a cart is not the caller's, whether or not there is one."""
    return PermissionDenied(
        "owner: the cart of another is only for who has the scope carts.manage",
        reason=Reason.OWNER_FORBIDDEN,
        metadata={"field": "owner", "scopes": "carts.manage"},
    )


def owner_mixed() -> InvalidArgument:
    """Return the error that one stream names two owners."""
    rule = "must be the one that the first message names, or empty"
    return InvalidArgument(
        [FieldViolation("owner", rule)], reason=Reason.OWNER_MIXED, metadata={"field": "owner"}
    )
