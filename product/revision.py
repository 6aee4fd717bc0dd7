"""The catalogue's revision: one counter for all changes, and the lock that orders them."""

from sqlalchemy import Connection, select, update

from product.tables import catalogue_revision

_VALUE = catalogue_revision.c.value


def advance(connection: Connection, changes: int) -> int:
    """Take that many revisions, and return the last; every write begins with it.

    The lock on the counter's row is held until the transaction ends: what a write then reads
    stays true until it commits.
    """
    statement = update(catalogue_revision).values(value=_VALUE + changes).returning(_VALUE)
    return int(connection.execute(statement).scalar_one())


def current(connection: Connection) -> int:
    """Return the revision of the last change that is committed."""
    return int(connection.execute(select(_VALUE)).scalar_one())
