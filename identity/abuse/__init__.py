"""Limits for who tries too much: lockouts and rates, per account, client and address."""
