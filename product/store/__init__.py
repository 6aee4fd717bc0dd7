"""The catalogue in the database: the only SQL of this service."""
