"""What others demand of an OpenID provider: OP-Basic, RFC 9700, and whatever strangers send."""
