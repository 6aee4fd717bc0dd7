"""The catalogue's revision: one counter for all changes, and the lock that orders them."""

from sqlalchemy import Connection, bindparam, select, update

from product.tables import catalogue_revision

_VALUE = catalogue_revision.c.value
_CURRENT = select(_VALUE)
_ADVANCE = (
    update(catalogue_revision)
    .values(value=_VALUE + bindparam("changes", type_=_VALUE.type))
    .returning(_VALUE)
)


def advance(connection: Connection, changes: int) -> int:
    """Take that many revisions, and return the last; every write begins with it.

    The lock on the counter's row is held until the transaction ends: what a write then reads
    stays true until it commits.
    """
    return int(connection.execute(_ADVANCE, {"changes": changes}).scalar_one())


def current(connection: Connection) -> int:
    """Return the revision of the last change that is committed."""
    return int(connection.execute(_CURRENT).scalar_one())
