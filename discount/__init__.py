"""Discount codes: what each takes off a price, and when it is good."""
