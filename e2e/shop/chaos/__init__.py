"""The whole shop under load, while its parts are killed one after the other."""
