"""Alembic revisions of the identity server's schema."""
