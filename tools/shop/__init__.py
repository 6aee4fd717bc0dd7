"""Starts the whole shop in one terminal and keeps it running."""
