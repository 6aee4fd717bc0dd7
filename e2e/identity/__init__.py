"""The identity server as others meet it: by a client that others wrote, and by a browser."""
