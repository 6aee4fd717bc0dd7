"""OAuth 2.0 and OpenID Connect, on Authlib's framework-neutral core."""
