"""Readers of catalogue files: CSV, JSON lines and JSON arrays, in bounded memory."""
