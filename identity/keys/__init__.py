"""Signing keys, their rotation and their cipher; and the tokens that they sign."""
