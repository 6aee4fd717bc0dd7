"""Tokens while the keys that sign them rotate: issued here, checked there."""
