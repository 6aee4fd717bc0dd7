"""The refusals of this service; `field` in the metadata names the field of the request."""

from runtime.errors import Aborted, AlreadyExists, NotFound
from runtime.reason import Reason


def not_found(code: str) -> NotFound:
    """Return the error that there is no such code."""
    return NotFound(
        f"code: there is no discount {code[:64]!r}",
        reason=Reason.DISCOUNT_NOT_FOUND,
        metadata={"field": "code", "code": code[:64]},
    )


def code_taken(code: str) -> AlreadyExists:
    """Return the error that there is a discount with this code."""
    return AlreadyExists(
        f"discount.code: there is a discount {code!r} already",
        reason=Reason.DISCOUNT_EXISTS,
        metadata={"field": "discount.code", "code": code},
    )


def etag_stale(code: str) -> Aborted:
    """Return the error that the discount was changed after the client read it."""
    return Aborted(
        f"etag: discount {code!r} has changed since: read it again",
        reason=Reason.ETAG_STALE,
        metadata={"field": "etag", "code": code},
    )
