"""The four grants that there are; RFC 9700 forbids the others."""
