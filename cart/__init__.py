"""Carts: what each customer wants to buy, at the prices agreed."""
