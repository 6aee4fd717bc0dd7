"""Measures the services, each figure against another of the same run."""
