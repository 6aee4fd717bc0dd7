"""What an item costs: quotes from Product and Discount, and the arithmetic of amounts."""
