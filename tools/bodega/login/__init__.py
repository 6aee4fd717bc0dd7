"""Who uses the terminal: the log-in, where it is kept, and its tokens."""
