"""The catalogue's one row: the counter that orders all changes, and how many products there are."""

from sqlalchemy import Connection, bindparam, select, update

from product.model import Extent
from product.store.tables import catalogue

_REVISION, _PRODUCTS = catalogue.c.revision, catalogue.c.products
_EXTENT = select(_REVISION, _PRODUCTS)
_ADVANCE = (
    update(catalogue)
    .values(revision=_REVISION + bindparam("changes", type_=_REVISION.type))
    .returning(_REVISION)
)
_COUNT = update(catalogue).values(products=_PRODUCTS + bindparam("more", type_=_PRODUCTS.type))


def advance(connection: Connection, changes: int) -> int:
    """Take that many revisions, and return the last; every write begins with it.

    The lock on the row is held until the transaction ends: what a write then reads stays true
    until it commits.
    """
    return int(connection.execute(_ADVANCE, {"changes": changes}).scalar_one())


def count(connection: Connection, more: int) -> None:
    """Note that there are so many products more, or fewer where it is negative."""
    if more:
        connection.execute(_COUNT, {"more": more})


def extent(connection: Connection) -> Extent:
    """Return how far the catalogue goes, as committed."""
    return Extent._make(connection.execute(_EXTENT).one())
