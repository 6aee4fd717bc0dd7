"""Fixtures that the tests of every service share."""
