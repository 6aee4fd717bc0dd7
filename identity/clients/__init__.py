"""Clients, their secrets and their keys, and the resources that they ask for."""
