"""The schema's history, in Alembic revisions."""
