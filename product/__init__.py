"""The catalogue: products, their bulk import, their listing and their changes."""
