"""A token for calls that need no issuer to ask."""


class OneToken:
    """Tokens for outgoing calls that are always the same one."""

    def __init__(self, token: str) -> None:
        self._token = token

    def ready(self) -> str:
        """Return the token."""
        return self._token

    async def token(self) -> str:
        """Return the token."""
        return self._token

    def drop(self, _token: str) -> bool:
        """Keep it: there is no other."""
        return False
