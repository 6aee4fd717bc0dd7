"""Chance that can be had again."""

from random import Random


def dice(seed: int, whose: str) -> Random:
    """Return what decides for one of those who take part: each has dice of its own."""
    return Random(f"{seed} {whose}")  # noqa: S311 (no secret)
