"""The whole shop, as its users and its operators meet it."""
