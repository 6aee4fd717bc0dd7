"""Etags of carts: opaque to clients, to us the state that a cart was in."""

from cart.model import Stamp
from runtime import etag as revisions


def etag_of(stamp: Stamp) -> str:
    """Return the etag of a state: a cart that is made anew has another than the one before it."""
    return f"{revisions.etag_of(stamp.cart_id)}-{revisions.etag_of(stamp.revision)}"


def guard_of(etag: str) -> Stamp | None:
    """Return the state that an etag guards: None where it is empty and guards nothing.

    One that we never gave is a state in which no cart ever is.
    """
    if not etag:
        return None
    cart_id, _, revision = etag.partition("-")
    return Stamp(
        revisions.revision_of(cart_id) or revisions.NO_REVISION,
        revisions.revision_of(revision) or revisions.NO_REVISION,
    )
