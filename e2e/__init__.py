"""Tests of the system from outside."""
