"""The end of a session, and who is told of it."""
