"""What both databases can say and SQLAlchemy spells for each."""

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_into(table: Table, dialect: str) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that has `on_conflict_do_nothing` and its kin."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
