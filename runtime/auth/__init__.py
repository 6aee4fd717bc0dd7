"""Tokens: verified where they come in, fetched and attached where they go out."""
