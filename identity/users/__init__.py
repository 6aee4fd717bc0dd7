"""Users, their passwords, their sessions and what they have consented to."""
