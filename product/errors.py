"""The catalogue's own errors; `field` in the metadata names the field of the request."""

from runtime.errors import Aborted, AlreadyExists, FailedPrecondition, NotFound, OutOfRange
from runtime.reason import Reason


def not_found(product_id: int) -> NotFound:
    """Return the error that there is no product with this id."""
    return NotFound(
        f"id: there is no product {product_id}",
        reason=Reason.PRODUCT_NOT_FOUND,
        metadata={"field": "id", "id": str(product_id)},
    )


def sku_taken(sku: str) -> AlreadyExists:
    """Return the error that another product has this SKU."""
    return AlreadyExists(
        f"product.sku: {sku!r} belongs to another product",
        reason=Reason.SKU_TAKEN,
        metadata={"field": "product.sku", "sku": sku},
    )


def etag_stale(product_id: int) -> Aborted:
    """Return the error that the product was changed after the client read it."""
    return Aborted(
        f"etag: product {product_id} has changed since: read it again",
        reason=Reason.ETAG_STALE,
        metadata={"field": "etag", "id": str(product_id)},
    )


def request_id_reused(request_id: str) -> FailedPrecondition:
    """Return the error that a request id names another creation."""
    return FailedPrecondition(
        f"request_id: {request_id} was used before for another product",
        reason=Reason.REQUEST_ID_REUSED,
        metadata={"field": "request_id"},
    )


def batch_id_reused(batch_id: str) -> FailedPrecondition:
    """Return the error that a batch id names other rows."""
    return FailedPrecondition(
        f"batch_id: {batch_id!r} was used before for other rows",
        reason=Reason.BATCH_ID_REUSED,
        metadata={"field": "batch_id"},
    )


def revision_ahead(newest: int) -> OutOfRange:
    """Return the error that a watcher has seen more than there is: of another database."""
    return OutOfRange(
        f"after_revision: the catalogue is at revision {newest} only: begin again with 0",
        reason=Reason.REVISION_AHEAD,
        metadata={"field": "after_revision"},
    )
