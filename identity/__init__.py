"""The identity server: OAuth 2.0 and OpenID Connect for every other service."""
